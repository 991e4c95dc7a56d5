"""Frames as square patches, and back."""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.linear import Dense


def patches(video: Array, side: int) -> Array:
    """(B, F, H, W, C) -> (B, F, H/side, W/side, side x side x C), a patch row by row."""
    batch, frames, height, width, channels = video.shape
    rows, columns = height // side, width // side
    cells = video.reshape(batch, frames, rows, side, columns, side, channels)
    return jnp.moveaxis(cells, 4, 3).reshape(batch, frames, rows, columns, -1)


class FromPatches(nnx.Module):
    """A linear layer over each patch of a frame."""

    def __init__(self, channels: int, features: int, side: int, *, rngs) -> None:
        self.side = side
        self.dense = Dense(side * side * channels, features, rngs=rngs)

    def __call__(self, video: Array) -> Array:
        """(B, F, H, W, C) -> (B, F, h, w, D)."""
        return self.dense(patches(video, self.side))


class ToPixels(nnx.Module):
    """A patch of pixels from each token: a transposed convolution whose stride is its kernel.

    kernel (D, side, side, C), bias (C,). A tenth of usual numbers to begin with: nearly gray, where
    a sigmoid learns, whatever the scale of tokens that no norm has seen.
    """

    def __init__(self, features: int, channels: int, side: int, *, rngs) -> None:
        axes = {"in_axis": 0, "out_axis": (1, 2, 3)}
        start = nnx.initializers.variance_scaling(0.01, "fan_in", "truncated_normal", **axes)
        self.kernel = nnx.Param(start(rngs.params(), (features, side, side, channels)))
        self.bias = nnx.Param(jnp.zeros(channels))

    def __call__(self, tokens: Array) -> Array:
        """(B, F, h, w, D) -> (B, F, h x side, w x side, C)."""
        batch, frames, rows, columns, features = tokens.shape
        _, side, _, channels = self.kernel.shape
        kernel = jnp.asarray(self.kernel[...], tokens.dtype).reshape(features, -1)
        cells = (tokens.reshape(-1, features) @ kernel).reshape(
            batch, frames, rows, columns, side, side, channels
        )
        pixels = jnp.moveaxis(cells, 3, 4) + jnp.asarray(self.bias[...], tokens.dtype)
        return pixels.reshape(batch, frames, rows * side, columns * side, channels)
