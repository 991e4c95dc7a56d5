"""The optimisers that a config of PVDM's may name."""

from typing import Any

import optax

from vinf_jax.training import state as training

RULES = ("adamw", "muon")


def rule_of(t: Any, **betas: float) -> optax.GradientTransformation:
    """What the fields `rule`, `rate`, `warmup`, `decay_steps` and `accumulate` say.

    adamw: the public code's; decay_steps 0 leaves its rate constant, as there. muon: for training
    that is to be short; its rate falls over decay_steps. betas: of AdamW.
    """
    if t.rule == "muon":
        return training.muon(t.rate, steps=t.decay_steps, warmup=t.warmup)
    how = {"warmup": t.warmup, "steps": t.decay_steps, "accumulate": t.accumulate}
    return training.adamw(t.rate, **how, **betas)


def troubles(name: str, t: Any) -> list[str]:
    """What is wrong with the fields of a config's section `name`."""
    found = []
    if t.rule not in RULES:
        found.append(f"{name}.rule: {t.rule!r}; give one of {', '.join(RULES)}")
    if t.rule == "muon" and t.accumulate != 1:
        found.append(f"{name}.accumulate: {t.accumulate}, but only adamw averages gradients")
    if (t.decay_steps or t.rule == "muon") and t.decay_steps <= t.warmup:
        found.append(
            f"{name}.decay_steps: {t.decay_steps}, but the warm-up takes {t.warmup}; give more"
        )
    return found
