"""GroupNorm, within each frame or over all frames of the video, and LayerNorm."""

from typing import Protocol

import jax.numpy as jnp
from flax import nnx
from jax import Array


def layer_norm(features: int, rngs) -> nnx.LayerNorm:
    """Over the last axis, with centred squares: a large mean does not drown a small variance."""
    return nnx.LayerNorm(features, epsilon=1e-5, use_fast_variance=False, rngs=rngs)


class Span(Protocol):
    """Frames that share statistics: a timeline, or a part of it."""

    def moments(self, mean: Array, variance: Array) -> tuple[Array, Array]: ...


class GroupNorm(nnx.Module):
    """Group normalisation of (B, F, H, W, C) (Wu and He, arXiv 1803.08494).

    Each frame has its own statistics, or shares those of a span: with a timeline, of the whole
    video. Statistics are taken in float32, or in the input's dtype if that is wider, per channel
    first and with centred squares, so a large mean does not drown a small variance.
    """

    def __init__(self, channels: int, groups: int, epsilon: float, *, rngs) -> None:
        if channels % groups:
            raise ValueError(f"norm_groups: {groups} does not divide {channels} channels")
        self.groups, self.epsilon = groups, epsilon
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))

    def __call__(self, x: Array, span: Span | None = None) -> Array:
        mean, variance = self.moments(x)
        if span is not None:
            mean, variance = span.moments(mean, variance)
        return self.by(x, mean, variance)

    def moments(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance (B, F, groups) of each frame."""
        wide = _wide(x)
        return self._by_group(wide.mean((2, 3)), wide.var((2, 3)))

    def by(self, x: Array, mean: Array, variance: Array) -> Array:
        """x normalised by these statistics, scaled and shifted."""
        wide, size = _wide(x), x.shape[-1] // self.groups
        mean = jnp.repeat(mean, size, axis=-1)[:, :, None, None]
        factor = jnp.repeat(1 / jnp.sqrt(variance + self.epsilon), size, axis=-1)[:, :, None, None]
        return ((wide - mean) * (factor * self.scale) + self.bias).astype(x.dtype)

    def _by_group(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """Moments (B, F, groups) from those of the channels (B, F, C)."""
        mean = mean.reshape(*mean.shape[:2], self.groups, -1)
        variance = variance.reshape(mean.shape)
        middle = mean.mean(-1, keepdims=True)
        return middle[..., 0], (variance + (mean - middle) ** 2).mean(-1)


def _wide(x: Array) -> Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
