"""FreeNoise (Qiu et al., arXiv 2310.15169): sliding windows of attention over noise that returns.

Of the paper; its motion injection, for prompts that change, is left out: a prompt here belongs to
its frames in every method.
"""

from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from vinf_jax.nn.attention import Attention, merge_heads, softmax_over, split_heads
from vinf_jax.nn.scope import Synchronised, refuse
from vinf_jax.nn.windows import blocks, windows
from vinf_jax.parallel.noise import frame_noise, rescheduled_noise
from vinf_jax.parallel.timeline import NOWHERE, Timeline

NOISES = ("rescheduled", "independent")


class Windows(NamedTuple):
    """seen: for each of a frame's windows, the keys in it, (K, blocks, queries, keys). share: what
    the window counts, (K, blocks, queries), 1 in all."""

    seen: Array
    share: Array


@dataclass(frozen=True)
class FreeNoise(Synchronised):
    """Windows of `window` frames every `stride` frames attend each within itself; a frame gets the
    mean of the windows that hold it, weighted by how near it is to their middles (eq. 8 and 9).

    The last window ends with the video, whatever the stride; a video of at most `window` frames is
    exactly the base model. Other layers see the whole video. noise: "rescheduled", the first
    `window` frames' noise again and again, shuffled by `stride` (eq. 7), or "independent".
    Frame numbers play no part in attention: windows are counted by position.
    """

    window: int = 16
    stride: int = 4
    noise: str = "rescheduled"

    def __post_init__(self) -> None:
        troubles = []
        if self.noise not in NOISES:
            troubles.append(f"noise: {self.noise!r}; give one of {', '.join(NOISES)}")
        if not 1 <= self.stride <= self.window:
            troubles.append(
                f"stride: {self.stride} frames, but windows have {self.window}; give 1 to that"
            )
        elif self.noise == NOISES[0] and self.window % self.stride:
            troubles.append(
                f"stride: {self.stride} does not divide the window of {self.window} frames, as "
                "rescheduled noise needs; give another, or independent noise"
            )
        refuse(troubles)

    def draw(self, key: Array, numbers: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        if self.noise == "independent":
            return frame_noise(key, numbers, shape, dtype)
        how = {"period": self.window, "group": self.stride}
        return rescheduled_noise(key, numbers, shape, dtype, **how)

    def plan(self, timeline: Timeline, numbers: Array, time: Array, afar: Array | None) -> Windows:
        length, reach = numbers.shape[0], self.window - 1
        total = timeline.total(length)
        starts, shares = (jnp.asarray(x) for x in fusion(total, self.window, self.stride))
        places = timeline.first_frame(length) + jnp.arange(-reach, length + reach)
        own = places[reach : reach + length]
        here = jnp.minimum(own, total - 1)
        start = blocks(starts[here], reach, NOWHERE, 0)
        share = blocks(jnp.where((own < total)[:, None], shares[here], 0), reach, 0, 0)
        key = windows(places, reach, NOWHERE, 0)[:, None, :, None]
        width = min(self.window, total)
        seen = (key >= start[:, :, None]) & (key < start[:, :, None] + width)
        seen &= (key >= 0) & (key < total) & (share > 0)[:, :, None]
        return Windows(jnp.moveaxis(seen, -1, 0), jnp.moveaxis(share, -1, 0))

    def attend(self, attention: Attention, x: Array, context: Any) -> Array:
        reach, plan = self.window - 1, context.plan

        def fused(x: Array, around: Array) -> Array:
            return _fused(attention, x, around, plan, reach)

        return context.pixelwise(fused, x, context.timeline.halo(x, reach))


def fusion(frames: int, window: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """The windows that hold each frame: their first frames (F, K) and their shares (F, K), which
    sum to 1 and rise with nearness to the middle: 1, 2, ... 2, 1 over a window (eq. 9)."""
    window = min(window, frames)
    last = frames - window
    starts = np.array([*takewhile(lambda n: n < last, count(0, stride)), last])
    place = np.arange(frames)[:, None] - starts
    weights = np.clip(np.minimum(place + 1, window - place), 0, None)
    most = (weights > 0).sum(1).max()
    order = np.argsort(weights == 0, axis=1, kind="stable")[:, :most]
    weights = np.take_along_axis(weights, order, axis=1)
    return starts[order], weights / weights.sum(1, keepdims=True)


def _fused(attention: Attention, x: Array, around: Array, plan: Windows, reach: int) -> Array:
    """x (N, F, C) looks at around (N, F + 2 reach, C) through every window."""
    heads = attention.heads
    query = blocks(split_heads(attention.to_q(x), heads), reach, 0, 1)
    keys = [
        windows(split_heads(part, heads), reach, 0, 1) for part in attention.keys_values(around)
    ]
    out = sum(
        share[None, :, :, None, None].astype(x.dtype)
        * softmax_over(query, [keys], seen=[seen[None, :, None]])
        for seen, share in zip(plan.seen, plan.share, strict=True)
    )
    out = merge_heads(out.reshape(x.shape[0], -1, *out.shape[3:])[:, : x.shape[1]])
    return attention.to_out(out)
