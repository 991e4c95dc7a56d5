"""Which frames a frame sees in temporal attention.

A scope is a frozen dataclass of settings with five methods, and temporal layers leave to it what
differs between scopes:
`troubles(frames)`: why it cannot serve a video of that length, for people;
`plan(timeline, numbers, time)`: masks and biases, once per network call;
`attend(attention, x, context)`: temporal self-attention, x (N, F, C) with N = videos x pixels;
`normalise(norm, x, context)`: GroupNorm over frames, x (B, F, H, W, C);
`convolve(stages, x, context)`: the stages of a temporal convolution, x as above.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jax.numpy as jnp
from jax import Array

from vinf_jax.nn.attention import Attention
from vinf_jax.nn.windows import Sight, blocks, look, windows
from vinf_jax.parallel.timeline import NOWHERE, Timeline


class Scope(Protocol):
    def troubles(self, frames: int) -> list[str]: ...
    def plan(self, timeline: Timeline, numbers: Array, time: Array) -> Any: ...
    def attend(self, attention: Attention, x: Array, context: Any) -> Array: ...
    def normalise(self, norm: Callable, x: Array, context: Any) -> Array: ...
    def convolve(self, stages: Sequence[Callable], x: Array, context: Any) -> Array: ...


class Synchronised:
    """GroupNorm over the whole video and a one-frame halo for every convolution: the layers give
    what one device that holds the whole video gives."""

    def troubles(self, frames: int) -> list[str]:
        return []

    def normalise(self, norm: Callable, x: Array, context: Any) -> Array:
        return norm(x, context.timeline)

    def convolve(self, stages: Sequence[Callable], x: Array, context: Any) -> Array:
        for stage in stages:
            x = stage(x, context)
        return x


@dataclass(frozen=True)
class Full(Synchronised):
    """Every frame sees every frame: the base model, and what short clips are trained with."""

    def plan(self, timeline: Timeline, numbers: Array, time: Array) -> None:
        return None

    def attend(self, attention: Attention, x: Array, context: Any) -> Array:
        everyone = context.timeline.gather(x)
        return context.pixelwise(attention, x, everyone)


@dataclass(frozen=True)
class DualScope(Synchronised):
    """Local and global scope (Video-Infinity, arXiv 2406.16260, section 4.2), by frame number.

    A frame sees the frames at most `local` numbers away and `spread` frames evenly spaced over the
    video, the same for all (or those that the context names, where a call holds a part of a video).
    At diffusion time t >= `switch` global keys get a logit bias of `strength`, below it local keys
    do; over `softness` diffusion steps on both sides of the switch the one passes linearly into the
    other. A key in both scopes counts in both. Frames that do not exist are not seen. Cost is
    linear in frames: queries are cut into blocks of about `local`.
    """

    local: int = 8
    spread: int = 16
    switch: float = 800
    strength: float = 10.0
    softness: float = 0.0

    def __post_init__(self) -> None:
        troubles = [
            f"{name}: {value}, but it must be {least} or more"
            for name, value, least in [
                ("local", self.local, 0),
                ("spread", self.spread, 0),
                ("softness", self.softness, 0),
            ]
            if value < least
        ]
        if troubles:
            raise ValueError("scope " + "; ".join(troubles))

    def biases(self, time: Array) -> Array:
        """Logit bias of local keys and of global keys at diffusion time t (B,): (2, B)."""
        if self.softness:
            share = jnp.clip((time - self.switch) / (2 * self.softness) + 0.5, 0, 1)
        else:
            share = (time >= self.switch).astype(float)
        return self.strength * jnp.stack([1 - share, share])

    def plan(self, timeline: Timeline, numbers: Array, time: Array) -> Sight:
        around = timeline.halo(numbers[None], self.local, NOWHERE)[0]
        query = blocks(numbers, self.local, NOWHERE, 0)
        key = windows(around, self.local, NOWHERE, 0)
        real = query != NOWHERE
        near = jnp.abs(query[:, :, None] - key[:, None, :]) <= self.local
        near &= real[:, :, None] & (key != NOWHERE)[:, None, :]
        return Sight(near, real, self.biases(time))

    def attend(self, attention: Attention, x: Array, context: Any) -> Array:
        line, far = context.timeline, context.afar
        around = line.halo(x, self.local)
        afar = line.sample(x, self.spread) if far is None else line.pick(x, far)
        size = context.entries(x.shape[1])
        return look(attention, x, around, afar, context.plan, self.local, size=size)
