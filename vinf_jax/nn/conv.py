"""Convolutions inside a frame, and the residual block of UNets and autoencoders."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.linear import Dense, convolve, strided
from vinf_jax.nn.norm import GroupNorm


class FrameConv(nnx.Conv):
    """2-D convolution of every frame of (B, F, H, W, C)."""

    def __init__(
        self, inputs: int, outputs: int, size: int = 3, stride: int = 1, *, init=None, rngs
    ) -> None:
        self.stride, pad = stride, size // 2
        init = init or nnx.initializers.lecun_normal()
        super().__init__(
            inputs, outputs, (size, size), stride, padding=pad, kernel_init=init, rngs=rngs
        )

    def __call__(self, inputs: Array, out_sharding=None) -> Array:
        return self._padded(inputs, self.kernel_size[0] // 2)

    def inner(self, inputs: Array) -> Array:
        """Only those rows that need no zeros above or below: (B, F, H, W, C) with 3x3 to H - 2."""
        return self._padded(inputs, 0)

    def _padded(self, inputs: Array, rows: int) -> Array:
        """With so many rows of zeros above and below."""
        frames, pads = inputs.reshape(-1, *inputs.shape[2:]), (rows, self.kernel_size[1] // 2)
        kernel = self.kernel.astype(inputs.dtype)
        one = self.stride == 1
        out = convolve(frames, kernel, pads) if one else strided(frames, kernel, pads, self.stride)
        out = out + jnp.asarray(self.bias, inputs.dtype)
        return out.reshape(*inputs.shape[:2], *out.shape[1:])


class ResidualBlock(nnx.Module):
    """GroupNorm, SiLU, 3x3 convolution, twice, around a skip; the embedding is added in between.

    embedding: features of the time embedding, none for autoencoders.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        groups: int,
        epsilon: float,
        embedding: int | None = None,
        rngs,
    ) -> None:
        self.norm1 = GroupNorm(inputs, groups, epsilon, rngs=rngs)
        self.conv1 = FrameConv(inputs, outputs, rngs=rngs)
        if embedding:
            self.time_emb_proj = Dense(embedding, outputs, rngs=rngs)
        self.norm2 = GroupNorm(outputs, groups, epsilon, rngs=rngs)
        self.conv2 = FrameConv(outputs, outputs, rngs=rngs)
        if inputs != outputs:
            self.conv_shortcut = FrameConv(inputs, outputs, 1, rngs=rngs)

    def __call__(self, x: Array, embedding: Array | None = None) -> Array:
        """x (B, F, H, W, C), embedding (B, E)."""
        out = self.conv1(jax.nn.silu(self.norm1(x)))
        if embedding is not None:
            out = out + self.time_emb_proj(jax.nn.silu(embedding))[:, None, None, None]
        out = self.conv2(jax.nn.silu(self.norm2(out)))
        return out + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Upsample(nnx.Module):
    """Every pixel doubled in both directions, then a 3x3 convolution."""

    def __init__(self, channels: int, *, rngs) -> None:
        self.conv = FrameConv(channels, channels, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.conv(doubled(x))


class Downsample(nnx.Module):
    """3x3 convolution of stride 2, one pixel of zeros on every side."""

    def __init__(self, channels: int, *, rngs) -> None:
        self.conv = FrameConv(channels, channels, stride=2, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.conv(x)


def doubled(x: Array) -> Array:
    """Every pixel of (B, F, H, W, C) as a square of four."""
    return jnp.repeat(jnp.repeat(x, 2, axis=2), 2, axis=3)
