"""Attention of each frame to the frames around it and to a few far ones, as one softmax whose bias
says who is seen. Cost is linear in frames: queries are cut into blocks, unless there are few.

Keys are made once of every frame that is there. What must come from other devices is asked for as
neighbours and far frames, of which keys are made here; where all frames of the video are no more
than those, every device makes the keys of its own and all are sent.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vinf_jax.nn.attention import Attention, merge_heads, softmax_over, split_heads
from vinf_jax.nn.portions import in_portions
from vinf_jax.parallel import gpu
from vinf_jax.parallel.timeline import NOWHERE, Pick, Timeline

QUERIES, KEYS = 64, 128
"""Of one attention that cuDNN's kernel holds at once."""
HIDDEN = -3e4
"""Logit bias of what is not seen, where a kernel takes no infinities; the best that a query sees
has 0."""


class Reach(NamedTuple):
    """What a frame sees: neighbours up to `near` frames away, and `far` frames that all see, which
    `pick` takes of x (B, F, ...)."""

    near: int
    far: int
    pick: Pick

    def blocks(self) -> tuple[int, int]:
        """Frames of a block of queries, about, and the most keys that all queries see at once. A
        processor copies the keys of every block, so half as many again are no loss."""
        if gpu.on_gpu():
            return QUERIES, KEYS
        queries = max(self.near, 8)
        return queries, (queries + 2 * self.near + self.far) * 3 // 2


class Table(NamedTuple):
    """Which source frames are seen, and how well.

    places: of the source frames those that each block of queries may see, and those that all may
    see, (blocks, S - G) and (G,); None where all see all of them in their order. bias: of logits,
    (B, blocks, T, S), None for none. scale: what multiplies each frame's logits, (F or more,), None
    for nothing.
    """

    places: tuple[Array, Array] | None = None
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
    places: tuple[Array, Array] | None


def slots(line: Timeline, numbers: Array, reach: Reach, known: bool) -> Slots:
    """Of a call on frames with these numbers (F,), whose sources are those of `sources`. known:
    whether the numbers of far frames must be asked for; they are NOWHERE otherwise."""
    frames, near = numbers.shape[0], reach.near
    if _together(line, frames, reach):
        everyone = line.sample(numbers[None], line.total(frames))[0]
        far = reach.pick(numbers[None])[0]
        often = (far[:, None] == everyone).sum(0) * (everyone != NOWHERE)
        return Slots(*(x[None] for x in (numbers, everyone, often >= 0, often)), None)
    around = line.halo(numbers[None], near, NOWHERE)[0]
    far = reach.pick(numbers[None])[0] if known else jnp.full(reach.far, NOWHERE)
    lie, afar = line.places(frames, near, reach.pick)
    queries, keys = reach.blocks()
    whole = lie.shape[0] + far.shape[0] <= keys
    count = 1 if whole else max(1, round(frames / queries))
    size = -(-frames // count)
    seen = jnp.arange(count)[:, None] * size + jnp.arange(size + 2 * near)
    rest = count * size - frames
    query, around = (jnp.pad(x, (0, rest), constant_values=NOWHERE) for x in (numbers, around))
    lie = jnp.pad(lie, (0, rest), mode="edge")
    local, other = jnp.ones(seen.shape, bool), jnp.ones((count, far.shape[0]), bool)
    return Slots(
        query.reshape(count, size),
        beside(around[seen], far),
        jnp.concatenate([local, ~other], 1),
        jnp.concatenate([~local, other], 1).astype(int),
        None if whole else (lie[seen], afar),
    )


def _together(line: Timeline, frames: int, reach: Reach) -> bool:
    """Whether all frames of the video are looked at together: not too many, and no more than would
    be there of others."""
    reached = sum(_lengths(line, frames, reach))
    return line.total(frames) <= min(reached, reach.blocks()[1])


def _lengths(line: Timeline, frames: int, reach: Reach) -> list[int]:
    """Of the parts of what is reached; one part where nothing is sent."""
    ask = partial(line.reached, near=reach.near, pick=reach.pick)
    return [y.shape[1] for y in jax.eval_shape(ask, jnp.arange(frames)[None])]


def beside(near: Array, far: Array) -> Array:
    """(blocks, S) and (G,), the same for all blocks: (blocks, S + G)."""
    return jnp.concatenate([near, jnp.broadcast_to(far, (near.shape[0], *far.shape))], 1)


def sources(line: Timeline, x: Array, reach: Reach) -> Array:
    """The frames that keys are made of, of x (B, F, ...): its own, or those that were sent."""
    frames = x.shape[1]
    if _together(line, frames, reach):
        return line.sample(x, line.total(frames))
    parts = line.reached(x, reach.near, reach.pick)
    return jnp.concatenate(parts, 1) if len(parts) > 1 else parts[0]


def seen(logits: Array) -> Array:
    """A bias from one that is -inf for what is not seen, moved so that its largest is 0: half
    precision keeps what is near 0, and the softmax does not mind."""
    top = logits.max(-1, keepdims=True)
    logits = logits - jnp.where(top == -jnp.inf, 0, top)
    return jnp.maximum(logits, HIDDEN) if gpu.on_gpu() else logits


def attend(attention: Attention, x: Array, table: Table, reach: Reach, context: Any) -> Array:
    """Temporal attention by a table that has a bias, made of `slots`; x (N, F, C) with N = videos x
    pixels."""
    line, frames = context.timeline, x.shape[1]
    if len(_lengths(line, frames, reach)) == 1:
        return look(attention, x, (), attention.keys_values, table, context)
    if _together(line, frames, reach):
        made = [line.sample(y, line.total(frames)) for y in attention.keys_values(x)]
        return look(attention, x, made, lambda _, *made: made, table, context)

    def joined(_: Array, *sent: Array) -> tuple[Array, Array]:
        return attention.keys_values(jnp.concatenate(sent, axis=2))

    sent = line.reached(x, reach.near, reach.pick)
    return look(attention, x, sent, joined, table, context)


def look(
    attention: Attention,
    x: Array,
    given: Sequence[Array],
    keys_values: Callable[..., Sequence[Array]],
    table: Table,
    context: Any,
) -> Array:
    """x (N, F, C) looks at the keys and values that `keys_values` makes of it and of what is given
    beside it, arrays (N, S, C'): as x. In portions of pixels, all as (B, P, ...)."""
    bias = jnp.asarray(table.bias, x.dtype)
    shape = (bias.shape[0], x.shape[0] // bias.shape[0])

    def part(x: Array, *rest: Array) -> Array:
        *given, bias = rest
        return _look(attention, x, keys_values(x, *given), table, bias)

    size = context.entries(max(y.shape[1] for y in (x, *given)))
    cut = [y.reshape(*shape, *y.shape[1:]) for y in (x, *given)]
    return in_portions(part, cut, size, (bias,)).reshape(x.shape)


def _look(
    attention: Attention, x: Array, made: Sequence[Array], table: Table, bias: Array
) -> Array:
    """x (B, P, F, C), made (B, P, S, C') keys and values, bias (B, blocks, T, S)."""
    frames, (blocks, queries) = x.shape[2], bias.shape[1:3]
    query = attention.to_q(x)
    if table.scale is not None:
        query = query * table.scale[:frames, None].astype(x.dtype)
    query = jnp.pad(query, ((0, 0), (0, 0), (0, blocks * queries - frames), (0, 0)))
    query = query.reshape(*x.shape[:2], blocks, queries, -1)
    made = [split_heads(y, attention.heads) for y in made]
    sets, ends = [[y[:, :, None] for y in made]], []
    if table.places is not None:
        near, far = table.places
        sets = [[jnp.take(y, places, axis=2) for y in made] for places in (near, far[None])]
        ends = [near.shape[1]]
    query = split_heads(query, attention.heads)
    out = softmax_over(query, sets, jnp.split(bias[:, None, :, None], ends, axis=-1))
    out = merge_heads(out).reshape(*x.shape[:2], blocks * queries, -1)
    return attention.to_out(out[:, :, :frames])
