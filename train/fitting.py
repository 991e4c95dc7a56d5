"""What any config must fit before training begins, one message for each thing that is wrong."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def family_troubles(config, fields: Sequence[str], fits: str) -> list[str]:
    """Why a config is not one of this program's, of which it lacks fields; `fits` names some."""
    missing = [field for field in fields if field not in config]
    if not missing:
        return []
    return [f"it is for another program, without {', '.join(missing)}; give --config {fits}"]


def device_troubles(devices: int, batches: Sequence[int]) -> list[str]:
    """Why so many devices cannot share these batches."""
    import jax

    there = len(jax.devices())
    if not 1 <= devices <= there:
        return [f"devices: {devices}; give 1 to {there}, as many as there are"]
    return [
        f"devices: {devices} do not divide a batch of {batch}"
        for batch in dict.fromkeys(batches)
        if batch % devices
    ]


def count_troubles(section: str, t: Any, fields: Sequence[str]) -> list[str]:
    """Fields of a config's section that are below 1."""
    return [f"{section}.{name}: {t[name]}; give 1 or more" for name in fields if t[name] < 1]


def built_troubles(build: Callable[[], Any], what: str = "") -> list[str]:
    """What building something of a config says is wrong with it; `what` says whose fields."""
    try:
        build()
    except (ValueError, TypeError) as error:
        return [f"{what}: {error}" if what else str(error)]
    return []


def seed_troubles(seed: int) -> list[str]:
    """Why randomness cannot begin with this seed."""
    return [] if 0 <= seed < 2**31 else [f"seed: {seed}; give 0 or more, below 2**31"]


def between_troubles(section: str, t: Any, limits: Mapping[str, tuple[float, float]]) -> list[str]:
    """Fields of a config's section that lie outside of these limits, which are allowed."""
    return [
        f"{section}.{name}: {t[name]}; give {least} or more"
        + (f", {most} at most" if most < math.inf else "")
        for name, (least, most) in limits.items()
        if not least <= t[name] <= most
    ]


def complete(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """A check of configs that says which field one lacks."""

    @functools.wraps(check)
    def checked(config: Any) -> None:
        try:
            check(config)
        except (AttributeError, KeyError) as error:
            text = " ".join(str(error).split())
            raise ValueError(f"config: it lacks a field: {text}") from error

    return checked


def refuse(troubles: Sequence[str]) -> None:
    """One ValueError with everything that is wrong, if anything is."""
    if troubles:
        raise ValueError("config: " + "; ".join(troubles))
