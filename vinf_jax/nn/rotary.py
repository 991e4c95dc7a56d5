"""Rotary positions over frames and over the patches of a frame, as PVDM's transformers have them.

A table says by which angle each pair of neighbouring features (2i, 2i + 1) of a query or key is
turned at each position (Su et al., arXiv 2104.09864). Frequencies and places are rounded to float32
as the public implementation stores them; all that follows is float64.
"""

import math
from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jax import Array

from vinf_jax.nn.attention import Attention, attend, merge_heads, split_heads

Table = tuple[np.ndarray | Array, np.ndarray | Array]
"""Cosines and sines, each (T, d)."""
LARGEST_SCALE = 5.0
"""Half turns between the middle and the edge of a frame, of the fastest features."""


@lru_cache(maxsize=32)
def frame_table(frames: int, features: int) -> Table:
    """Angles f * 10000^(-2k / d), for heads of d features: (F, d).

    Kept for released weights: the angles of k = 0 .. d/2 - 1 stand in two halves, [a, a], while the
    pairs that are turned are neighbours, so that the two of a pair are turned by different angles.
    """
    half = np.arange(frames)[:, None] * frame_frequencies(features).astype(np.float64)
    return _table(np.concatenate([half, half], axis=1))


@lru_cache(maxsize=32)
def patch_table(rows: int, columns: int, features: int) -> Table:
    """Half the pairs turn with the row, the others with the column: (rows x columns, d).

    Angles are pi y s_k and pi x s_k, y and x from -1 to 1.
    """
    scales = math.pi * patch_scales(features).astype(np.float64)
    down, across = (places(n)[:, None] * scales for n in (rows, columns))
    shape = (rows, columns, scales.size)
    angles = [np.broadcast_to(down[:, None], shape), np.broadcast_to(across[None], shape)]
    pairs = np.concatenate(angles, axis=-1).reshape(rows * columns, -1)
    return _table(np.repeat(pairs, 2, axis=1))


def frame_frequencies(features: int) -> np.ndarray:
    """10000^(-2k / d) for k = 0 .. d/2 - 1, the buffer `inv_freqs` of public checkpoints."""
    exponent = np.arange(0, features, 2, dtype=np.float32) / np.float32(features)
    return np.float32(1) / (10000.0 ** exponent.astype(np.float64)).astype(np.float32)


def patch_scales(features: int) -> np.ndarray:
    """From 1 to 5 in d/4 equal ratios, the buffer `scales` of public checkpoints."""
    last = float(np.float32(math.log2(LARGEST_SCALE)))
    return np.exp2(np.linspace(0, last, features // 4)).astype(np.float32)


def places(count: int) -> np.ndarray:
    """Evenly spaced float32 numbers from -1 to 1, each counted from the nearer end."""
    step = np.float32(2) / np.float32(max(count - 1, 1))
    number = np.arange(count)
    up, down = np.float64(step) * number - 1, 1 - np.float64(step) * number[::-1]
    return np.where(number < max(count // 2, 1), up, down).astype(np.float32)


def turned(x: Array, table: Table) -> Array:
    """x (..., T, heads, d) with each pair of features turned by its position's angles."""
    cosine, sine = (jnp.asarray(part, x.dtype)[:, None] for part in table)
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    crossed = jnp.stack([-pairs[..., 1], pairs[..., 0]], axis=-1).reshape(x.shape)
    return x * cosine + crossed * sine


def look_along(attention: Attention, x: Array, table: Table) -> Array:
    """x (..., T, C) looks at itself, queries and keys turned by their positions."""
    projections = (attention.to_q, *(attention.to_k, attention.to_v))
    query, key, value = (split_heads(part(x), attention.heads) for part in projections)
    seen = attend(turned(query, table), turned(key, table), value)
    return attention.to_out(merge_heads(seen))


def _table(angles: np.ndarray) -> Table:
    return np.cos(angles), np.sin(angles)
