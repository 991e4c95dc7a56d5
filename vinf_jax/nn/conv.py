"""Convolutions inside a frame, and the residual block of UNets and autoencoders."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.linear import Dense, convolve
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
        frames = inputs.reshape(-1, *inputs.shape[2:])
        if self.stride == 1:
            pad = self.kernel_size[0] // 2
            out = convolve(frames, self.kernel.astype(inputs.dtype), (pad, pad))
            out = out + jnp.asarray(self.bias, inputs.dtype)
        else:
            out = super().__call__(frames, out_sharding)
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
        return self.conv(jnp.repeat(jnp.repeat(x, 2, axis=2), 2, axis=3))


class Downsample(nnx.Module):
    """3x3 convolution of stride 2, one pixel of zeros on every side."""

    def __init__(self, channels: int, *, rngs) -> None:
        self.conv = FrameConv(channels, channels, stride=2, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.conv(x)
