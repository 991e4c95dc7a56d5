"""Attention of each frame to the frames around it and to a few far ones, linear in frames.

Queries are cut into blocks; a block sees one window of keys, `reach` frames wider on both sides.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from vinf_jax.nn.attention import Attention, merge_heads, softmax_over, split_heads
from vinf_jax.nn.portions import in_portions


class Sight(NamedTuple):
    """What a scope knows of a call before its first layer.

    near: which keys of its window each query sees, (blocks, queries, keys); far: which queries see
    the far keys, (blocks, queries); bias: logit bias of near and of far keys, (2, B). Blocks may be
    1 where all are alike. apart: more bias of each far key, (blocks, queries, G), None for none.
    """

    near: Array
    far: Array
    bias: Array
    apart: Array | None = None


def look(
    attention: Attention,
    x: Array,
    around: Array,
    afar: Array,
    sight: Sight,
    reach: int,
    scale: float = 1.0,
    size: int | None = None,
) -> Array:
    """x (N, F, C) looks at around (N, F + 2 reach, C) and afar (N, G, C): (N, F, C).

    scale multiplies the usual q k / sqrt(d). A key in both counts in both. size: pixels of a video
    that are computed at once, None for all.
    """
    videos = sight.bias.shape[1]

    def part(x: Array, around: Array, afar: Array, bias: Array) -> Array:
        rows = x.shape[0] * x.shape[1]
        flat = [y.reshape(rows, *y.shape[2:]) for y in (x, around, afar)]
        return _look(attention, *flat, sight._replace(bias=bias.T), reach, scale).reshape(x.shape)

    pixels = x.shape[0] // videos
    cut = [y.reshape(videos, pixels, *y.shape[1:]) for y in (x, around, afar)]
    return in_portions(part, cut, size, (sight.bias.T,)).reshape(x.shape)


def _look(
    attention: Attention,
    x: Array,
    around: Array,
    afar: Array,
    sight: Sight,
    reach: int,
    scale: float,
) -> Array:
    frames, heads = x.shape[1], attention.heads
    query = blocks(split_heads(attention.to_q(x) * scale, heads), reach, 0, 1)
    near = [
        windows(split_heads(part, heads), reach, 0, 1) for part in attention.keys_values(around)
    ]
    far = [split_heads(part, heads)[:, None] for part in attention.keys_values(afar)]
    bias = jnp.repeat(sight.bias, x.shape[0] // sight.bias.shape[1], axis=1).astype(x.dtype)
    seen = [sight.near[None, :, None], sight.far[None, :, None, :, None]]
    bias = bias[..., None, None, None, None]
    if sight.apart is not None:
        bias = bias[0], bias[1] + sight.apart[None, :, None].astype(x.dtype)
    out = softmax_over(query, [near, far], bias=bias, seen=seen)
    out = merge_heads(out.reshape(x.shape[0], -1, *out.shape[3:])[:, :frames])
    return attention.to_out(out)


def blocks(x: Array, reach: int, fill: float, axis: int) -> Array:
    """Frames on `axis` cut into (blocks, queries), filled up at the end."""
    count, size = _cut(x.shape[axis], reach)
    x = _fill_up(x, count * size, fill, axis)
    return x.reshape(*x.shape[:axis], count, size, *x.shape[axis + 1 :])


def windows(around: Array, reach: int, fill: float, axis: int) -> Array:
    """For every block of queries the frames it may see: (blocks, queries + 2 reach)."""
    count, size = _cut(around.shape[axis] - 2 * reach, reach)
    around = _fill_up(around, count * size + 2 * reach, fill, axis)
    places = jnp.arange(count)[:, None] * size + jnp.arange(size + 2 * reach)
    return jnp.take(around, places, axis=axis)


def _cut(frames: int, reach: int) -> tuple[int, int]:
    """(number of blocks, queries per block): blocks of about `reach` frames, at least 8."""
    count = max(1, round(frames / max(reach, 8)))
    return count, -(-frames // count)


def _fill_up(x: Array, length: int, fill: float, axis: int) -> Array:
    pads = [(0, 0)] * x.ndim
    pads[axis] = (0, length - x.shape[axis])
    return jnp.pad(x, pads, constant_values=fill)
