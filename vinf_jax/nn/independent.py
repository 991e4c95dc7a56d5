"""Clips that know nothing of each other: what a short-clip model makes without any method."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from vinf_jax.nn.attention import Attention
from vinf_jax.nn.scenes import links
from vinf_jax.nn.scope import Parted, View, refuse
from vinf_jax.nn.windows import Sight, blocks, look, windows
from vinf_jax.parallel.timeline import NOWHERE, Timeline


@dataclass(frozen=True)
class Independent(Parted):
    """Every `length` frames, by number, are a video of their own, made as the base model makes it;
    the last may be shorter. The clips are the model's, not the devices': any mesh makes the same.
    """

    length: int = 16

    def __post_init__(self) -> None:
        if self.length < 1:
            refuse([f"length: {self.length} frames; give those of a training clip, 1 or more"])

    def plan(self, timeline: Timeline, numbers: Array, time: Array, afar: Array | None) -> View:
        clips, reach = numbers // self.length, self.length - 1
        around = timeline.halo(numbers[None], reach, NOWHERE)[0]
        query = blocks(numbers, reach, NOWHERE, 0)[:, :, None]
        key = windows(around, reach, NOWHERE, 0)[:, None, :]
        near = (query // self.length == key // self.length) & (query != NOWHERE) & (key != NOWHERE)
        sight = Sight(near, jnp.zeros((1, 1), bool), jnp.zeros((2, *time.shape)))
        return View(links(timeline, numbers, clips), clips, sight=sight)

    def attend(self, attention: Attention, x: Array, context: Any) -> Array:
        reach = self.length - 1
        around, nobody = context.timeline.halo(x, reach), x[:, :0]
        size = context.entries(x.shape[1])
        return look(attention, x, around, nobody, context.plan.sight, reach, size=size)
