"""Attention over the frames of a pixel, frames staying on axis 1: all pixels' heads lie abreast.

To a GPU's attention (B, F, P heads, d) are F tokens of very many heads, as they lie in memory:
nothing is transposed, and keys of a frame are computed once.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from vinf_jax.nn.attention import Attention, by_kernel
from vinf_jax.nn.portions import in_portions
from vinf_jax.nn.tables import Table, beside
from vinf_jax.parallel import gpu


def attend(attention: Attention, x: Array, table: Table, context: Any) -> Array:
    """Temporal attention under the context's scope, x (B, F, H, W, C), as its `attend`."""
    pixels = x.reshape(*x.shape[:2], -1, x.shape[-1])
    source = context.scope.sources(pixels, context)
    size = context.entries(max(pixels.shape[1], source.shape[1]))
    return look(attention, pixels, source, table, size).reshape(x.shape)


def serves(table: Table, attention: Attention, x: Array, context: Any) -> bool:
    """Whether the device has an attention for x (B, F, H, W, C), C those of queries."""
    batch, frames, *space, features = x.shape
    size = context.entries(frames)
    heads = min(_most(attention, size), math.prod(space)) * attention.heads
    blocks, queries, keys = 1, frames, context.timeline.total(frames)
    if table.bias is not None:
        _, blocks, queries, keys = table.bias.shape
    each = features // attention.heads
    query, key = (
        jax.ShapeDtypeStruct((batch * blocks, n, heads, each), x.dtype) for n in (queries, keys)
    )
    return gpu.fused(query, key, biased=table.bias is not None, fewest=1)


def look(
    attention: Attention, x: Array, source: Array, table: Table, size: int | None = None
) -> Array:
    """x (B, F, P, C) looks at source (B, S, P, C), pixel by pixel: as x. size: pixels that are
    computed at once, None for all."""
    alone, biases = source is x, () if table.bias is None else (table.bias.astype(x.dtype),)

    def part(x: Array, *given: Array) -> Array:
        return _look(
            attention, x, x if alone else given[0], table, *given[len(given) - len(biases) :]
        )

    cut = (x,) if alone else (x, source)
    return in_portions(part, cut, _most(attention, size), biases, axis=2)


def _most(attention: Attention, size: int | None) -> int:
    """Pixels of one call: cuDNN takes only so many heads."""
    most = gpu.MOST // attention.heads
    return min(size or most, most)


def _look(
    attention: Attention, x: Array, source: Array, table: Table, bias: Array | None = None
) -> Array:
    batch, frames, pixels, _ = x.shape
    query = attention.to_q(x)
    if table.scale is not None:
        query = query * table.scale[:frames, None, None].astype(x.dtype)
    key, value = (_abreast(y, attention.heads) for y in attention.keys_values(source))
    blocks, queries = (1, frames) if bias is None else bias.shape[1:3]
    query = jnp.pad(query, ((0, 0), (0, blocks * queries - frames), (0, 0), (0, 0)))
    query = _abreast(query, attention.heads)
    if table.places is not None:
        places = beside(*table.places)
        key, value = (jnp.take(y, places, axis=1) for y in (key, value))
    query, key, value = (y.reshape(batch * blocks, -1, *y.shape[-2:]) for y in (query, key, value))
    if bias is not None:
        bias = bias.reshape(batch * blocks, 1, *bias.shape[2:])
    out = by_kernel(query, key, value, bias).reshape(batch, blocks * queries, pixels, -1)
    return attention.to_out(out[:, :frames])


def _abreast(x: Array, heads: int) -> Array:
    """(B, F, P, heads d) -> (B, F, P heads, d)."""
    return x.reshape(*x.shape[:2], x.shape[2] * heads, -1)
