"""What any config must fit before training begins, one message for each thing that is wrong."""

from collections.abc import Callable, Sequence
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


def built_troubles(build: Callable[[], Any]) -> list[str]:
    """What building something of a config says is wrong with it."""
    try:
        build()
    except ValueError as error:
        return [str(error)]
    return []


def refuse(troubles: Sequence[str]) -> None:
    """One ValueError with everything that is wrong, if anything is."""
    if troubles:
        raise ValueError("config: " + "; ".join(troubles))
