"""Weights and inputs that numpy makes from a name and a seed, so that only outputs are stored."""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from vinf_jax.checkpoint.mapping import Row, convert, source_shapes

GAINS = {
    **dict.fromkeys(("pre_xy.weight", "pre_yt.weight", "pre_xt.weight"), 0.05),
    "to_pixel.1.weight": 0.02,
}
"""Before the bends of PVDM's autoencoder, so that they do not flatten what is compared."""


def weight(key: str, shape: tuple[int, ...], sharp: bool = False) -> np.ndarray:
    """The parameter `key` of PyTorch's shape. sharp: temporal queries and keys are three times as
    large, so that no softmax is flat (the Video-Infinity fixtures)."""
    x = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
    if key.endswith(("_token", "_pos_embedding")):
        return x
    if len(shape) < 2:
        return (1 if key.endswith("weight") else 0) + 0.1 * x
    temporal = "temp_" in key or "transformer_in" in key
    gain = 3 if sharp and temporal and key.endswith(("to_q.weight", "to_k.weight")) else 1
    gain *= GAINS.get(key, 1)
    return gain * x / np.sqrt(np.prod(shape[1:]))


def normal(seed: int, *shape: int) -> np.ndarray:
    """Standard normal numbers, in PyTorch's layout of the array they stand for."""
    return np.random.default_rng(seed).standard_normal(shape)


def parameters(
    table: Sequence[Row], target: Mapping[str, object], sharp: bool = False
) -> dict[str, np.ndarray]:
    """Our parameters when every tensor of the foreign layout follows the formula."""
    shapes = source_shapes(table, target)
    source = {key: weight(key, shape, sharp) for key, shape in shapes.items()}
    return convert(table, source, target)
