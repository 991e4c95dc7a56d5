"""Parts of a video: scenes between cuts, and clips of a fixed length; what passes between them.

A cut is the number of the first frame of a new scene.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vinf_jax.parallel.timeline import NOWHERE, Timeline, spread


def scene_of(numbers: Array, cuts: Sequence[int]) -> Array:
    """Which scene each frame belongs to, by number: integers from 0 on, shaped like `numbers`."""
    return jnp.searchsorted(jnp.asarray(cuts, jnp.int32), numbers, side="right")


def far_frames(numbers: np.ndarray, count: int, cuts: Sequence[int]) -> list[int]:
    """Positions of `count` frames (all, if there are no more), shared out evenly over the scenes
    and evenly spaced in each. numbers: of the frames, rising. Without cuts: as `spread`."""
    edges = [0, *np.searchsorted(numbers, cuts).tolist(), len(numbers)]
    sizes = [stop - start for start, stop in pairwise(edges)]
    return [
        start + place
        for start, size, part in zip(edges, sizes, _dealt(sizes, count), strict=False)
        for place in spread(size, part)
    ]


def _dealt(sizes: Sequence[int], count: int) -> list[int]:
    """How many frames each scene offers: as even as can be, none more than it has."""
    dealt = [0] * len(sizes)
    while (rest := min(count, sum(sizes)) - sum(dealt)) > 0:
        open_ = [n for n, size in enumerate(sizes) if dealt[n] < size]
        for k, n in enumerate(open_):
            part = (k + 1) * rest // len(open_) - k * rest // len(open_)
            dealt[n] = min(sizes[n], dealt[n] + part)
    return dealt


def links(timeline: Timeline, numbers: Array, parts: Array) -> Array:
    """For each frame, whether the frame before and after it in the array is the one before and
    after it in the video and of the same part: (2, F). numbers, parts: (F,)."""
    around = timeline.halo(jnp.stack([numbers, parts.astype(numbers.dtype)]), 1, NOWHERE)
    number, part = around
    before = (number[:-2] == numbers - 1) & (part[:-2] == parts)
    after = (number[2:] == numbers + 1) & (part[2:] == parts)
    return jnp.stack([before, after])


@dataclass(frozen=True)
class Parts:
    """A span of `nn.norm`: frames of one part of the video share statistics.

    parts: (F,) of the frames held here, rising.
    """

    line: Timeline
    parts: Array

    def moments(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """Per frame (B, F, groups): those of the frame's part."""
        length = mean.shape[1]
        parts = self.line.gather(self.parts[None])[0]
        part = jnp.cumsum(jnp.diff(parts, prepend=parts[:1]) != 0)
        mean, variance = self.line.gather(mean), self.line.gather(variance)
        middle = _over_parts(mean, part)
        variance = _over_parts(variance + (mean - middle) ** 2, part)
        return self.line.own(middle, length), self.line.own(variance, length)


def _over_parts(x: Array, part: Array) -> Array:
    """Mean of x (B, F, ...) over the frames of each frame's part (F,), numbered from 0."""
    count = part.shape[0]
    frames = jnp.moveaxis(x, 1, 0)
    total = jax.ops.segment_sum(frames, part, count, indices_are_sorted=True)
    sizes = jax.ops.segment_sum(jnp.ones(count, x.dtype), part, count, indices_are_sorted=True)
    means = total / jnp.maximum(sizes, 1).reshape(-1, *[1] * (x.ndim - 1))
    return jnp.moveaxis(means[part], 0, 1)
