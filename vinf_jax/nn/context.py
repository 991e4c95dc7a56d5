"""What every layer of one network call knows about its surroundings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from vinf_jax.nn.portions import in_portions
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
    over the call itself. portion: pixels of a video (a frame of 40x64 has 2560) that layers compute
    at once where they can, None for all; it bounds memory and changes nothing else.
    """

    timeline: Timeline = field(default=Whole(), metadata={"static": True})
    scope: Scope = field(default=Full(), metadata={"static": True})
    neighbours: Array | None = None
    plan: Any = None
    afar: Array | None = None
    portion: int | None = field(default=None, metadata={"static": True})

    def entries(self, pixels: int) -> int | None:
        """How many things of so many pixels each are computed at once; None for all."""
        return self.portion and max(1, self.portion // pixels)

    def framewise(
        self, layer: Callable[..., Array], frames: Sequence[Array], videos: Sequence[Array] = ()
    ) -> Array:
        """layer(*frames, *videos) of a layer that treats every frame by itself.

        frames: (B, F, ...), the first (B, F, H, W, C). videos: (B, ...), the same for all frames.
        """
        height, width = frames[0].shape[2:4]
        return in_portions(layer, frames, self.entries(height * width), videos)

    def pixelwise(self, layer: Callable[..., Array], *pixels: Array) -> Array:
        """layer(*pixels) of a layer that treats every pixel by itself; pixels: (N, F, ...)."""
        cut = [x[None] for x in pixels]
        size = self.entries(max(x.shape[1] for x in pixels))
        return in_portions(lambda *parts: layer(*[x[0] for x in parts])[None], cut, size)[0]


def surround(
    timeline: Timeline,
    scope: Scope,
    numbers: Array,
    time: Array,
    *,
    gapless: bool,
    afar: Array | None = None,
    portion: int | None = None,
) -> Context:
    """The context of a call on frames with these `numbers` (F,), rising, at diffusion `time` (B,).

    gapless: the caller's knowledge, before tracing, that the numbers rise by one. afar: as in
    `Context`, for a call on a part of a video. portion: as in `Context`.
    """
    neighbours = None
    real = timeline.real(numbers.shape[0])
    numbers = jnp.where(real, numbers, NOWHERE)
    if not gapless:
        around = timeline.halo(numbers[None], 1, NOWHERE)[0]
        neighbours = jnp.stack([around[:-2] == numbers - 1, around[2:] == numbers + 1])
    plan = scope.plan(timeline, numbers, time, afar)
    return Context(timeline, scope, neighbours, plan, afar, portion)
