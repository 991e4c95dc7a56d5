"""Temporal convolution: each frame mixes with the one before and the one after."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.context import Context
from vinf_jax.nn.linear import convolve
from vinf_jax.nn.norm import GroupNorm
from vinf_jax.parallel.timeline import Whole

EPSILON = 1e-5


class FrameMix(nnx.Module):
    """Convolution over three frames, kernel (3, I, O): PyTorch's Conv3d of kernel (3, 1, 1)."""

    def __init__(self, inputs: int, outputs: int, *, init=None, rngs) -> None:
        init = init or nnx.initializers.lecun_normal(in_axis=(0, 1))
        self.kernel = nnx.Param(init(rngs.params(), (3, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, x: Array, neighbours: Array | None = None, zeros: int = 0) -> Array:
        """x (B, F + 2, H, W, C), one frame of halo on both sides, or (B, F, H, W, C) and 1 for
        `zeros` if these are all zeros. neighbours (2, F): which frames before and after count, all
        if not given."""
        if neighbours is not None:
            x = Whole().halo(x, zeros)
            before, after = x[:, :-2], x[:, 2:]
            before = before * neighbours[0, None, :, None, None, None].astype(x.dtype)
            after = after * neighbours[1, None, :, None, None, None].astype(x.dtype)
            taps = zip((before, x[:, 1:-1], after), self.kernel.astype(x.dtype), strict=True)
            return sum(frame @ tap for frame, tap in taps) + self.bias.astype(x.dtype)
        batch, frames, height, width, _ = x.shape
        pixels = x.reshape(batch, frames, height * width, -1)
        out = convolve(pixels, self.kernel.astype(x.dtype)[:, None], (zeros, 0))
        return out.reshape(*out.shape[:2], height, width, -1) + self.bias.astype(x.dtype)


class Stage(nnx.Module):
    """GroupNorm over the video, SiLU, convolution over three frames."""

    def __init__(self, channels: int, groups: int, *, init=None, rngs) -> None:
        self.norm = GroupNorm(channels, groups, EPSILON, rngs=rngs)
        self.conv = FrameMix(channels, channels, init=init, rngs=rngs)

    def __call__(self, x: Array, context: Context) -> Array:
        active = jax.nn.silu(context.scope.normalise(self.norm, x, context))
        around, zeros = context.timeline.margin(active, 1)
        return self.conv(around, context.neighbours, zeros)


class TemporalConv(nnx.Module):
    """Four stages around a skip; the last starts at zero, so an untrained one changes nothing."""

    def __init__(self, channels: int, *, groups: int, rngs) -> None:
        zeros = nnx.initializers.zeros_init()
        self.conv1 = Stage(channels, groups, rngs=rngs)
        self.conv2 = Stage(channels, groups, rngs=rngs)
        self.conv3 = Stage(channels, groups, rngs=rngs)
        self.conv4 = Stage(channels, groups, init=zeros, rngs=rngs)

    def __call__(self, x: Array, context: Context) -> Array:
        """x (B, F, H, W, C)."""
        stages = (self.conv1, self.conv2, self.conv3, self.conv4)
        return x + context.scope.convolve(stages, x, context)
