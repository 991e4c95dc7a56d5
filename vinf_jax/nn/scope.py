"""What the frames of a video have to do with each other.

A scope is a frozen dataclass of settings with eight methods, and temporal layers leave to it what
differs between scopes:
`troubles(frames)`: why it cannot serve a video of that length, for people;
`draw(key, numbers, shape, dtype)`: the noise that frames begin with, as `frame_noise`;
`plan(timeline, numbers, time, afar)`: masks and biases, once per network call;
`attend(attention, x, context)`: temporal self-attention, x (N, F, C) with N = videos x pixels;
`table(context)`, `sources(x, context)`: the same for `nn.abreast`, x (B, F, P, C); no table if the
scope does not attend so;
`normalise(norm, x, context)`: GroupNorm over frames, x (B, F, H, W, C);
`convolve(stages, x, context)`: the stages of a temporal convolution, x as above.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from jax import Array

from vinf_jax.nn.attention import Attention
from vinf_jax.nn.scenes import Parts
from vinf_jax.nn.tables import Table
from vinf_jax.nn.windows import Sight
from vinf_jax.parallel.noise import frame_noise
from vinf_jax.parallel.timeline import Timeline


class Scope(Protocol):
    def troubles(self, frames: int) -> list[str]: ...
    def draw(self, key: Array, numbers: Array, shape: tuple[int, ...], dtype: Any) -> Array: ...
    def plan(self, timeline: Timeline, numbers: Array, time: Array, afar: Array | None) -> Any: ...
    def attend(self, attention: Attention, x: Array, context: Any) -> Array: ...
    def table(self, context: Any) -> Table | None: ...
    def sources(self, x: Array, context: Any) -> Array: ...
    def normalise(self, norm: Callable, x: Array, context: Any) -> Array: ...
    def convolve(self, stages: Sequence[Callable], x: Array, context: Any) -> Array: ...


class Folded:
    """Attends only where the frames of each pixel lie together."""

    def table(self, context: Any) -> Table | None:
        return None

    def sources(self, x: Array, context: Any) -> Array:
        return x


class Synchronised(Folded):
    """GroupNorm over the whole video and a one-frame halo for every convolution: the layers give
    what one device that holds the whole video gives. Every frame has noise of its own."""

    def troubles(self, frames: int) -> list[str]:
        return []

    def draw(self, key: Array, numbers: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        return frame_noise(key, numbers, shape, dtype)

    def normalise(self, norm: Callable, x: Array, context: Any) -> Array:
        return norm(x, context.timeline)

    def convolve(self, stages: Sequence[Callable], x: Array, context: Any) -> Array:
        for stage in stages:
            x = stage(x, context)
        return x


class View(NamedTuple):
    """The plan of a scope that parts the video.

    links: which frames a convolution reaches, as `Context.neighbours`; parts: (F,), whose frames
    share statistics; None for what the whole video does. table, sight: who sees whom, in the form
    that the scope attends by. low: weights of `blending.low_pass`; early: how much a video is in
    its global phase, (B,).
    """

    links: Array | None = None
    parts: Array | None = None
    table: Table | None = None
    sight: Sight | None = None
    low: Array | None = None
    early: Array | None = None


class Parted(Synchronised):
    """Layers over the parts of a video that the plan, a `View`, names."""

    def normalise(self, norm: Callable, x: Array, context: Any) -> Array:
        parts = context.plan.parts
        return norm(x, context.timeline if parts is None else Parts(context.timeline, parts))

    def convolve(self, stages: Sequence[Callable], x: Array, context: Any) -> Array:
        links = context.plan.links
        context = context if links is None else replace(context, neighbours=links)
        return super().convolve(stages, x, context)


@dataclass(frozen=True)
class Full(Synchronised):
    """Every frame sees every frame: the base model, and what short clips are trained with.

    trained: frames of such a clip; logits are multiplied by log(frames) / log(trained), as
    `DualScope` says. 0 leaves them.
    """

    trained: int = 0

    def __post_init__(self) -> None:
        refuse(growth_troubles(self.trained))

    def plan(self, timeline: Timeline, numbers: Array, time: Array, afar: Array | None) -> None:
        return None

    def attend(self, attention: Attention, x: Array, context: Any) -> Array:
        line = context.timeline
        everyone = line.gather(x)
        if self.trained:
            x = x * (math.log(line.total(x.shape[1])) / math.log(self.trained))
        return context.pixelwise(attention, x, everyone)

    def table(self, context: Any) -> Table | None:
        return None if self.trained else Table()

    def sources(self, x: Array, context: Any) -> Array:
        return context.timeline.gather(x)


def growth_troubles(trained: int) -> list[str]:
    """Why logits cannot grow with the number of keys from `trained` on, or nothing."""
    if trained == 0 or trained > 1:
        return []
    return [f"trained: {trained} frames; give those of a training clip, 2 or more, or 0 for none"]


def refuse(troubles: Sequence[str]) -> None:
    """ValueError with all that does not fit in a scope, if there is such."""
    if troubles:
        raise ValueError("scope " + "; ".join(troubles))
