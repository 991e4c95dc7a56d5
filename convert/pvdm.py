"""What a PVDM model of others is beside its arrays: which planes, how it is sampled.

The public files hold tensors alone; our exports say the rest in their heads.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from vinf_jax.checkpoint.mapping import matches
from vinf_jax.systems.pvdm import PRESETS, Settings
from vinf_jax.systems.pvdm.folder import NETWORKS, spelled

from . import pvdm_autoencoder, pvdm_unet
from .arguments import defaults
from .source import Source
from .tensors import Tensors

FPS = 25
"""Of UCF-101, on which weights were published; no file tells it."""
UNTOLD = {"planes", "heads", "head_size", "plane_heads", "plane_head_size", "norm_groups"}
"""Arguments that no shape tells."""
ROTATIONS = ("*.inv_freqs", "*.scales")
FILES = {"autoencoder": "autoencoder.safetensors", "unet": "diffusion.safetensors"}
"""What an export calls each network's file."""
BUFFERS = {"autoencoder": pvdm_autoencoder.buffers, "unet": pvdm_unet.buffers}


def completed(
    component: str, arguments: Mapping[str, Any], config: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments that shapes tell, with those that only the head of an export of ours does.

    Raises:
        ValueError: a head that says another network than the tensors.
    """
    wrong = [
        f"its head says {name} {config[name]!r}; the tensors say {value!r}"
        for name, value in arguments.items()
        if name not in UNTOLD and name in config and config[name] != value
    ]
    if wrong:
        raise ValueError("; ".join(wrong))
    told = {name: config[name] for name in UNTOLD if name in config}
    strange = [f"{name} {value!r}" for name, value in told.items() if not _size(name, value)]
    if strange:
        raise ValueError(f"its head says {', '.join(strange)}; no network has such sizes")
    every = whole(component, {**arguments, **told})
    if component == "unet" and "planes" not in told:
        del every["planes"]  # `settled` knows
    return every


def whole(component: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments that decide what a network is, in one spelling."""
    return spelled(component, {**defaults(NETWORKS[component]), **arguments})


def strange_buffers(component: str, arguments: Mapping[str, Any], tensors: Tensors) -> list[str]:
    """Rotations that are computed here, where a file has others: another network."""
    if component != "autoencoder":
        return []
    return [
        f"{name} holds other numbers than are computed here, by up to {apart:.3g}"
        for name, wanted in pvdm_autoencoder.buffers(arguments).items()
        if name in tensors and matches(name, ROTATIONS)
        if (apart := _apart(tensors[name], wanted)) is not None
    ]


def settled(arguments: dict[str, dict[str, Any]]) -> list[str]:
    """Gives a UNet without planes those of its autoencoder, else the public code's; tells of two
    networks that cannot work together."""
    unet, autoencoder = arguments.get("unet"), arguments.get("autoencoder")
    if unet is None:
        return []
    if autoencoder is None:
        unet.setdefault("planes", list(pvdm_unet.PLANES))
        return []
    rows, columns = (side // autoencoder["patch"] for side in autoencoder["size"])
    planes = [autoencoder["frames"], rows, columns]
    unet.setdefault("planes", planes)
    pairs = [
        ("planes", list(unet["planes"]), planes),
        ("latent_channels", unet["latent_channels"], autoencoder["latent_channels"]),
    ]
    return [
        f"the UNet's {name} is {wants}, but the autoencoder's is {has}"
        for name, wants, has in pairs
        if wants != has
    ]


def facts(
    source: Source,
    arguments: Mapping[str, Mapping[str, Any]],
    kept: Tensors,
    vocabulary: Path | None,
    troubles: list[str],
) -> dict[str, Any]:
    """Settings: those under which published weights are measured, unless an export says others."""
    if vocabulary:
        troubles.append("vocabulary: PVDM reads no text")
    first, later = PRESETS["400/400"]
    chosen: dict[str, Any] = {"fps": FPS, "steps": first, "later_steps": later}
    for group in source.opened.groups:
        chosen |= group.configs.get("settings", {})
    try:
        return {"settings": Settings(**chosen)}
    except (TypeError, ValueError) as error:
        troubles.append(f"the head's settings: {error}")
        return {}


def _size(name: str, value: Any) -> bool:
    sizes = value if name == "planes" and isinstance(value, list) else [value]
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in sizes)
    return whole and len(sizes) == (3 if name == "planes" else 1)


def _apart(stored: np.ndarray, wanted: np.ndarray) -> float | None:
    """The largest difference, if it is more than rounding."""
    if stored.shape != wanted.shape or not stored.dtype.name.startswith(("float", "bfloat")):
        return float("inf")
    wide = stored.astype(np.float64)
    apart = np.abs(wide - wanted)
    rounding = max(1e-6, 2 * float(ml_dtypes.finfo(stored.dtype).eps))
    return float(apart.max()) if (apart > rounding * (1 + np.abs(wanted))).any() else None
