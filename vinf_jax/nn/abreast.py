"""Attention over the frames of a pixel, frames staying on axis 1: all pixels' heads lie abreast.

To a GPU's attention (B, F, P heads, d) are F tokens of very many heads, as they lie in memory:
nothing is transposed, and keys of a frame are computed once.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vinf_jax.nn.attention import Attention, by_kernel
from vinf_jax.nn.portions import in_portions
from vinf_jax.parallel import gpu
from vinf_jax.parallel.timeline import NOWHERE, Timeline, Whole

QUERIES, KEYS = 64, 128
"""Of one attention that cuDNN's kernel holds at once."""
HIDDEN = -3e4
"""Logit bias of what is not seen; the best that a query sees has 0."""


class Table(NamedTuple):
    """Which source frames are seen, and how well.

    places: of the source frames those that each block of queries may see, (blocks, S); None where
    there is one block for all. bias: of logits, (B, blocks, T, S), None for none. scale: what
    multiplies each frame's logits, (F or more,), None for nothing.
    """

    places: Array | None = None
    bias: Array | None = None
    scale: Array | None = None


class Slots(NamedTuple):
    """Frames by number, NOWHERE for none: query (blocks, T), and key (blocks, S) that these may see
    as neighbours where `near`, as frames that all see as often as `far` says, both (blocks, S).
    places: as in `Table`."""

    query: Array
    key: Array
    near: Array
    far: Array
    places: Array | None


def slots(line: Timeline, numbers: Array, reach: int, pick: Callable[[Array], Array]) -> Slots:
    """Of a call on frames with these numbers (F,), whose sources are those of `sources`.

    reach: how many frames away neighbours are at most. pick: of x (1, F) what all see.
    """
    frames = numbers.shape[0]
    around = line.halo(numbers[None], reach, NOWHERE)[0]
    far = pick(numbers[None])[0]
    if isinstance(line, Whole):
        if frames <= KEYS:
            often = (far[:, None] == numbers).sum(0)
            return Slots(*(x[None] for x in (numbers, numbers, often >= 0, often)), None)
        lie = jnp.clip(jnp.arange(-reach, frames + reach), 0, frames - 1)
        afar = pick(jnp.arange(frames)[None])[0]
    else:
        lie = jnp.arange(frames + 2 * reach)
        afar = lie.shape[0] + jnp.arange(far.shape[0])
    whole = lie.shape[0] + far.shape[0] <= KEYS
    count = 1 if whole else max(1, round(frames / QUERIES))
    size = -(-frames // count)
    seen = jnp.arange(count)[:, None] * size + jnp.arange(size + 2 * reach)
    rest = count * size - frames
    query, around = (jnp.pad(x, (0, rest), constant_values=NOWHERE) for x in (numbers, around))
    lie = jnp.pad(lie, (0, rest), mode="edge")
    near, other = jnp.ones(seen.shape, bool), jnp.ones((count, far.shape[0]), bool)
    return Slots(
        query.reshape(count, size),
        _beside(around[seen], far),
        jnp.concatenate([near, ~other], 1),
        jnp.concatenate([~near, other], 1).astype(int),
        None if whole else _beside(lie[seen], afar),
    )


def _beside(near: Array, far: Array) -> Array:
    """(blocks, S) and (G,), the same for all blocks: (blocks, S + G)."""
    return jnp.concatenate([near, jnp.broadcast_to(far, (near.shape[0], *far.shape))], 1)


def sources(line: Timeline, x: Array, reach: int, pick: Callable[[Array], Array]) -> Array:
    """The frames that keys are made of, of x (B, F, ...): its own, or those that were sent."""
    if isinstance(line, Whole):
        return x
    return jnp.concatenate([line.halo(x, reach), pick(x)], 1)


def seen(logits: Array) -> Array:
    """A bias from one that is -inf for what is not seen, moved so that its largest is 0: half
    precision keeps what is near 0, and the softmax does not mind."""
    top = logits.max(-1, keepdims=True)
    return jnp.where(logits == -jnp.inf, HIDDEN, logits - jnp.where(top == -jnp.inf, 0, top))


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
        key, value = (jnp.take(y, table.places, axis=1) for y in (key, value))
    query, key, value = (y.reshape(batch * blocks, -1, *y.shape[-2:]) for y in (query, key, value))
    if bias is not None:
        bias = bias.reshape(batch * blocks, 1, *bias.shape[2:])
    out = by_kernel(query, key, value, bias).reshape(batch, blocks * queries, pixels, -1)
    return attention.to_out(out[:, :frames])


def _abreast(x: Array, heads: int) -> Array:
    """(B, F, P, heads d) -> (B, F, P heads, d)."""
    return x.reshape(*x.shape[:2], x.shape[2] * heads, -1)
