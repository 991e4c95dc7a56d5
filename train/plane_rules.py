"""The optimisers that a config of PVDM's may name."""

from typing import Any

import optax

from vinf_jax.training import state as training

from .stage import ENDLESS

RULES = ("adamw", "muon")


def rule_of(t: Any, pace: float = 1.0, **betas: float) -> optax.GradientTransformation:
    """What the fields `rule`, `rate`, `warmup`, `decay_steps`, `minutes` and `accumulate` say.

    adamw: the public code's; decay_steps 0 leaves its rate constant, as there. muon: for training
    that is to be short; its rate falls over decay_steps. With `minutes` the state says how it falls
    (`training.state.pace`). pace: by what the rate is scaled. betas: of AdamW.
    """
    rate, how = pace * t.rate, {"warmup": t.warmup, "steps": 0 if t.minutes else t.decay_steps}
    if t.rule == "muon":
        return training.muon(rate, **how)
    return training.adamw(rate, **how, accumulate=t.accumulate, **betas)


def steps_of(t: Any) -> int:
    """How many steps a section of a config asks for."""
    return ENDLESS if t.minutes else t.steps


def troubles(name: str, t: Any) -> list[str]:
    """What is wrong with the fields of a config's section `name`."""
    found = []
    if t.rule not in RULES:
        found.append(f"{name}.rule: {t.rule!r}; give one of {', '.join(RULES)}")
    if t.rule == "muon" and t.accumulate > 1:
        found.append(f"{name}.accumulate: {t.accumulate}, but only adamw averages gradients")
    if t.accumulate < 1:
        found.append(f"{name}.accumulate: {t.accumulate}; give 1 or more, 1 to average nothing")
    if t.minutes < 0:
        found.append(f"{name}.minutes: {t.minutes}; give 0 for as many steps as are asked for")
    falls = (t.decay_steps or t.rule == "muon") and not t.minutes
    if falls and t.decay_steps <= t.warmup:
        found.append(
            f"{name}.decay_steps: {t.decay_steps}, but the warm-up takes {t.warmup}; give more"
        )
    return found
