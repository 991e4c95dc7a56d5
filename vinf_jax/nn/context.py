"""What every layer of one network call knows about its surroundings."""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from vinf_jax.nn.scope import Full, Scope
from vinf_jax.parallel.timeline import NOWHERE, Timeline, Whole


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Context:
    """One call's timeline and scope, and what follows from its frame numbers.

    `Context()` is one device that holds a whole short clip. `surround` makes any other.
    neighbours: for each frame, whether the frame before and after it in the array is the one before
    and after it in the video, (2, F); None where that always holds. plan: what the scope prepared.
    afar: positions (G,) in this call of the frames that all see; None where the scope spreads them
    over the call itself.
    """

    timeline: Timeline = field(default=Whole(), metadata={"static": True})
    scope: Scope = field(default=Full(), metadata={"static": True})
    neighbours: Array | None = None
    plan: Any = None
    afar: Array | None = None


def surround(
    timeline: Timeline,
    scope: Scope,
    numbers: Array,
    time: Array,
    *,
    gapless: bool,
    afar: Array | None = None,
) -> Context:
    """The context of a call on frames with these `numbers` (F,), rising, at diffusion `time` (B,).

    gapless: the caller's knowledge, before tracing, that the numbers rise by one. afar: as in
    `Context`, for a call on a part of a video.
    """
    neighbours = None
    real = timeline.real(numbers.shape[0])
    numbers = jnp.where(real, numbers, NOWHERE)
    if not gapless:
        around = timeline.halo(numbers[None], 1, NOWHERE)[0]
        neighbours = jnp.stack([around[:-2] == numbers - 1, around[2:] == numbers + 1])
    return Context(timeline, scope, neighbours, scope.plan(timeline, numbers, time), afar)
