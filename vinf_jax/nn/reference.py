"""The scope that repeats Video-Infinity's published code (github.com/Yuanshi9815/Video-Infinity).

The number of ranks is a parameter of what is computed, not of what computes it: a video that the
public code would cut over `ranks` GPUs comes out the same on any mesh, one device included.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Literal, cast, get_args

import jax.numpy as jnp
import numpy as np
from jax import Array

from vinf_jax.nn.attention import Attention
from vinf_jax.nn.context import Context
from vinf_jax.nn.scope import Folded, Scope, refuse
from vinf_jax.nn.windows import Sight, blocks, look
from vinf_jax.parallel.noise import frame_noise
from vinf_jax.parallel.timeline import Timeline, Whole

Synchrony = Literal["none", "norm", "norm_and_conv"]
"""What the ranks share besides the halos of attention and of temporal convolution layers: nothing
(the release); the statistics of GroupNorm; those, and the halo of every single convolution. The
latter two are plugins that the release leaves switched off."""


@dataclass(frozen=True)
class Phase:
    """Logit biases of local and of global keys on one side of diffusion time t."""

    t: float
    local_bias: float
    global_bias: float


@dataclass(frozen=True)
class Reference(Folded):
    """The public implementation on `ranks` GPUs, each with frames / ranks frames.

    A frame sees the `padding` frames on both sides, where the video has none a key and a value of
    zero, and the same `top_k` frames as all others, picked per rank. Logits are multiplied by
    `attn_scale`, with `token_num_scale` also by log(number of keys) / log(16). With `dynamic_scale`
    `local_phase` adds its biases at times t < local_phase.t, `global_phase` at t >= global_phase.t.
    A temporal convolution layer runs on its rank's frames and `conv_padding` more on both sides,
    zeros where the video has none, which are computed on. Frame numbers play no part: frames are
    counted by position.
    """

    ranks: int
    padding: int = 8
    top_k: int = 16
    attn_scale: float = 1.0
    token_num_scale: bool = False
    dynamic_scale: bool = True
    local_phase: Phase | None = Phase(t=800, local_bias=10, global_bias=0)
    global_phase: Phase | None = Phase(t=800, local_bias=0, global_bias=10)
    conv_padding: int = 4
    synchronised: Synchrony = "none"

    def __post_init__(self) -> None:
        least = {"ranks": 1, "padding": 1, "top_k": 0, "conv_padding": 1}
        troubles = [
            f"{name}: {getattr(self, name)}, but it must be a whole number of {low} or more"
            for name, low in least.items()
            if not isinstance(getattr(self, name), Integral) or getattr(self, name) < low
        ]
        if not math.isfinite(self.attn_scale):
            troubles.append(f"attn_scale: {self.attn_scale}, but it must be a finite number")
        missing = [p for p in ("local_phase", "global_phase") if getattr(self, p) is None]
        if self.dynamic_scale and missing:
            troubles.append(
                f"dynamic_scale: True needs both phases, but {' and '.join(missing)} is None; "
                "give it, or set dynamic_scale to False"
            )
        if self.synchronised not in get_args(Synchrony):
            fits = ", ".join(map(repr, get_args(Synchrony)))
            troubles.append(f"synchronised: {self.synchronised!r}, but it must be one of {fits}")
        refuse(troubles)

    def draw(self, key: Array, numbers: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        """Noise by frame, where the public code draws from a seed for each rank."""
        return frame_noise(key, numbers, shape, dtype)

    def plan(self, timeline: Timeline, numbers: Array, time: Array, afar: Array | None) -> Sight:
        length = numbers.shape[0]
        refuse(self.troubles(timeline.total(length)))
        queries = blocks(jnp.zeros(length), self.padding, 0, 0).shape[1]
        ahead = jnp.arange(queries + 2 * self.padding) - jnp.arange(queries)[:, None]
        band = (ahead >= 0) & (ahead <= 2 * self.padding)
        return Sight(band[None], jnp.ones((1, queries), bool), self.biases(time))

    def attend(self, attention: Attention, x: Array, context: Any) -> Array:
        line = context.timeline
        chosen = self.global_frames(line.total(x.shape[1]))
        around, afar = line.halo(x, self.padding), line.take(x, chosen)
        scale = self._scale(2 * self.padding + 1 + len(chosen))
        size = context.entries(x.shape[1])
        return look(attention, x, around, afar, context.plan, self.padding, scale, size)

    def normalise(self, norm: Callable, x: Array, context: Any) -> Array:
        line = context.timeline
        return norm(x, line if self.synchronised != "none" else _Ranks(line, self.ranks))

    def convolve(self, stages: Sequence[Callable], x: Array, context: Any) -> Array:
        line, pad = context.timeline, self.conv_padding
        if self.synchronised == "norm_and_conv":
            return _through(stages, x, replace(context, neighbours=None))
        windows = _windows(line.gather(x), self.ranks, pad)
        together = self.ranks if self.synchronised == "norm" else 1
        inside = cast(Scope, _Windowed(together))  # stages ask a scope for nothing else
        windows = _through(stages, windows, Context(scope=inside))
        out = windows[:, pad:-pad].reshape(x.shape[0], -1, *x.shape[2:])
        return line.own(out, x.shape[1])

    def biases(self, time: Array) -> Array:
        """Logit bias of local and of global keys at diffusion time t (B,): (2, B)."""
        bias = jnp.zeros((2, *time.shape))
        if not self.dynamic_scale:
            return bias
        for phase, early in [(self.local_phase, True), (self.global_phase, False)]:
            assert phase is not None  # refused where the scope was made
            now = time < phase.t if early else time >= phase.t
            bias += now * jnp.array([[phase.local_bias], [phase.global_bias]], float)
        return bias

    def global_frames(self, frames: int) -> list[int]:
        """Positions of the frames that all see: every rank offers some, the first top_k count."""
        own, share = frames // self.ranks, self.top_k // self.ranks
        stride = max(own // share, 1) if share else own
        offered = [r * own + i for r in range(self.ranks) for i in range(0, own, stride)]
        return offered[: self.top_k]

    def _scale(self, keys: int) -> float:
        """What multiplies q k / sqrt(d). The reference takes its logarithms, and what it multiplies
        them with, in float32; kept."""
        if not self.token_num_scale:
            return self.attn_scale
        growth = np.log(np.float32(keys)) / np.log(np.float32(16))
        return float(np.float32(self.attn_scale) * growth)

    def troubles(self, frames: int) -> list[str]:
        """Why the public code cannot serve this many frames, or serves them with a wrong video."""
        own, rest = divmod(frames, self.ranks)
        if rest:
            fits = [n * self.ranks for n in (own, own + 1) if n]
            return [
                f"ranks: {self.ranks} do not divide {frames} frames; use "
                f"{' or '.join(map(str, fits))} frames, or another number of ranks"
            ]
        wanted = {"padding": self.padding}
        if self.synchronised != "norm_and_conv":
            wanted["conv_padding"] = self.conv_padding
        return [
            f"{name}: {value}, but each of {self.ranks} ranks has {own} frames; use at most {own}, "
            "fewer ranks, or more frames"
            for name, value in wanted.items()
            if value > own
        ]


@dataclass(frozen=True)
class _Ranks:
    """The frames of one rank share statistics."""

    line: Timeline
    ranks: int

    def moments(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """Per frame: those of the frame's rank."""
        length = mean.shape[1]
        parts = [self.line.gather(part) for part in (mean, variance)]
        shape, own = parts[0].shape, parts[0].shape[1] // self.ranks
        folded = [part.reshape(-1, own, shape[-1]) for part in parts]
        mean, variance = (
            self.line.own(jnp.repeat(part, own, axis=1).reshape(shape), length)
            for part in Whole().moments(*folded)
        )
        return mean, variance


@dataclass(frozen=True)
class _Windowed:
    """Scope of the stages of a layer that runs on windows (B x ranks, F, H, W, C): `together`
    neighbours on the batch axis share statistics."""

    together: int

    def normalise(self, norm: Callable, x: Array, context: Any) -> Array:
        return norm(x, self)

    def moments(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        folded = [
            part.reshape(-1, self.together * part.shape[1], part.shape[2])
            for part in (mean, variance)
        ]
        mean, variance = Whole().moments(*folded)
        return jnp.repeat(mean, self.together, axis=0), jnp.repeat(variance, self.together, axis=0)


def _windows(x: Array, ranks: int, pad: int) -> Array:
    """All frames (B, F, ...) as each rank holds them, zeros around: (B ranks, F / ranks + 2 pad,
    ...)."""
    own = x.shape[1] // ranks
    around = Whole().halo(x, pad)
    cut = [around[:, r * own : (r + 1) * own + 2 * pad] for r in range(ranks)]
    return jnp.stack(cut, axis=1).reshape(-1, *cut[0].shape[1:])


def _through(stages: Sequence[Callable], x: Array, context: Context) -> Array:
    for stage in stages:
        x = stage(x, context)
    return x
