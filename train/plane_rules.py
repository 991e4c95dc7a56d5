"""The optimisers that a config of PVDM's may name."""

import math
from collections.abc import Sequence
from typing import Any

import optax

from vinf_jax.media import sprites
from vinf_jax.training import state as training
from vinf_jax.training.placement import PLACEMENTS

from .fitting import (
    between_troubles,
    count_troubles,
    device_troubles,
    family_troubles,
    refuse,
    seed_troubles,
)
from .stage import ENDLESS

RULES = ("adamw", "muon")
DTYPES = ("float32", "bfloat16", "float16")
FIELDS = ("data", "placement", "dtype", "perceptual", "train_autoencoder", "train_diffusion")


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


def shared_troubles(config, batch: int) -> list[str]:
    """What is wrong with what both of PVDM's programs read."""
    found = []
    if config.placement not in PLACEMENTS:
        found.append(f"placement: {config.placement!r}; give one of {', '.join(PLACEMENTS)}")
    for backend, name in config.dtype.items():
        if name not in DTYPES:
            found.append(f"dtype.{backend}: {name!r}; give one of {', '.join(DTYPES)}")
    if config.data.workers < 0:
        found.append(f"data.workers: {config.data.workers}; give 0 for none, or how many")
    if config.data.kind == "sprites" and config.fps != sprites.FPS:
        found.append(f"fps: {config.fps}, but the sprites are drawn at {sprites.FPS:g}; give that")
    return found + seed_troubles(config.seed) + device_troubles(config.devices, [batch])


def sprites_troubles(config, section: str, fields: Sequence[str]) -> list[str]:
    """Of fields that need sprites in pairs of other shapes, those that are asked for without."""
    return [
        f"{section}.{name}: {config[section][name]}, but only sprites can be drawn in another "
        "shape; give 0"
        for name in fields
        if config[section][name] and config.data.kind != "sprites"
    ]


def refuse_strangers(config) -> None:
    """Raises ValueError for a config whose networks PVDM's programs cannot even describe."""
    refuse(family_troubles(config, FIELDS, "configs/pvdm_sprites.py or configs/pvdm.py"))
    patch = config.autoencoder.patch
    refuse([] if patch >= 1 else [f"autoencoder.patch: {patch}; give 1 or more pixels"])


def troubles(name: str, t: Any) -> list[str]:
    """What is wrong with the fields of a config's section `name`."""
    found = count_troubles(name, t, ("batch", "save_every", "accumulate"))
    least = dict.fromkeys(("steps", "warmup", "shown", "average_every"), (0, math.inf))
    found += between_troubles(name, t, least | {"decay": (0, 1)})
    if not 0 <= t.rate < math.inf:
        found.append(f"{name}.rate: {t.rate}; give a finite number, 0 or more")
    if t.rule not in RULES:
        found.append(f"{name}.rule: {t.rule!r}; give one of {', '.join(RULES)}")
    if t.rule == "muon" and t.accumulate > 1:
        found.append(f"{name}.accumulate: {t.accumulate}, but only adamw averages gradients")
    if t.minutes < 0:
        found.append(f"{name}.minutes: {t.minutes}; give 0 for as many steps as are asked for")
    falls = (t.decay_steps or t.rule == "muon") and not t.minutes
    if falls and t.decay_steps <= t.warmup:
        found.append(
            f"{name}.decay_steps: {t.decay_steps}, but the warm-up takes {t.warmup}; give more"
        )
    return found
