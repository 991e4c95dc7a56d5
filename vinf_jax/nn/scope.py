"""Which frames a frame sees in temporal attention.

A scope is a frozen dataclass of settings with four methods, and temporal layers leave to it what
differs between scopes:
`plan(timeline, numbers, time)`: masks and biases, once per network call;
`attend(attention, x, context)`: temporal self-attention, x (N, F, C) with N = videos x pixels;
`normalise(norm, x, context)`: GroupNorm over frames, x (B, F, H, W, C);
`convolve(stages, x, context)`: the stages of a temporal convolution, x as above.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp
from jax import Array

from vinf_jax.nn.attention import Attention, merge_heads, softmax_over, split_heads
from vinf_jax.parallel.timeline import NOWHERE, Timeline


class Scope(Protocol):
    def plan(self, timeline: Timeline, numbers: Array, time: Array) -> Any: ...
    def attend(self, attention: Attention, x: Array, context: Any) -> Array: ...
    def normalise(self, norm: Callable, x: Array, context: Any) -> Array: ...
    def convolve(self, stages: Sequence[Callable], x: Array, context: Any) -> Array: ...


class Synchronised:
    """GroupNorm over the whole video and a one-frame halo for every convolution: the layers give
    what one device that holds the whole video gives."""

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
        return attention(x, context.timeline.gather(x))


class Keys(NamedTuple):
    """What DualScope knows of a call before its first layer.

    near: which local keys each query sees, (blocks, queries, keys); real: which queries are frames
    of the video, (blocks, queries); bias: logit bias of local and of global keys, (2, B).
    """

    near: Array
    real: Array
    bias: Array


@dataclass(frozen=True)
class DualScope(Synchronised):
    """Local scope and global scope (Video-Infinity, arXiv 2406.16260, section 4.2), by frame number.

    A frame sees the frames at most `local` numbers away and `spread` frames evenly spaced over the
    video, the same for all. At diffusion time t >= `switch` global keys get a logit bias of
    `strength`, below it local keys do; over `softness` diffusion steps on both sides of the switch
    the one passes linearly into the other. A key in both scopes counts in both. Frames that do not
    exist are not seen. Cost is linear in frames: queries are cut into blocks of about `local`.
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

    def plan(self, timeline: Timeline, numbers: Array, time: Array) -> Keys:
        around = timeline.halo(numbers[None], self.local, NOWHERE)[0]
        query, key = self._blocks(numbers, NOWHERE, 0), self._windows(around, NOWHERE, 0)
        real = query != NOWHERE
        near = jnp.abs(query[:, :, None] - key[:, None, :]) <= self.local
        near &= real[:, :, None] & (key != NOWHERE)[:, None, :]
        return Keys(near, real, self.biases(time))

    def attend(self, attention: Attention, x: Array, context: Any) -> Array:
        line, plan = context.timeline, context.plan
        frames, heads = x.shape[1], attention.heads
        query = self._blocks(split_heads(attention.to_q(x), heads), 0, 1)
        local = [
            self._windows(split_heads(part, heads), 0, 1)
            for part in attention.keys_values(line.halo(x, self.local))
        ]
        spread = [
            split_heads(part, heads)[:, None]
            for part in attention.keys_values(line.sample(x, self.spread))
        ]
        bias = jnp.repeat(plan.bias, x.shape[0] // plan.bias.shape[1], axis=1).astype(x.dtype)
        bias = bias[:, :, None, None, None, None]
        near = plan.near[None, :, None]
        seen = [near, jnp.broadcast_to(plan.real[None, :, None, :, None], (*near.shape[:-1], 1))]
        out = softmax_over(query, [local, spread], bias=bias, seen=seen)
        out = merge_heads(out.reshape(x.shape[0], -1, *out.shape[3:])[:, :frames])
        return attention.to_out(out)

    def _cut(self, frames: int) -> tuple[int, int]:
        """(number of blocks, queries per block): blocks of about `local` frames, at least 8."""
        blocks = max(1, round(frames / max(self.local, 8)))
        return blocks, -(-frames // blocks)

    def _blocks(self, x: Array, fill: float, axis: int) -> Array:
        """Frames on `axis` cut into (blocks, queries), filled up at the end."""
        blocks, size = self._cut(x.shape[axis])
        x = _fill_up(x, blocks * size, fill, axis)
        return x.reshape(*x.shape[:axis], blocks, size, *x.shape[axis + 1 :])

    def _windows(self, around: Array, fill: float, axis: int) -> Array:
        """For every block of queries the frames it may see: (blocks, size + 2 local)."""
        blocks, size = self._cut(around.shape[axis] - 2 * self.local)
        around = _fill_up(around, blocks * size + 2 * self.local, fill, axis)
        reach = jnp.arange(blocks)[:, None] * size + jnp.arange(size + 2 * self.local)
        return jnp.take(around, reach, axis=axis)


def _fill_up(x: Array, length: int, fill: float, axis: int) -> Array:
    pads = [(0, 0)] * x.ndim
    pads[axis] = (0, length - x.shape[axis])
    return jnp.pad(x, pads, constant_values=fill)
