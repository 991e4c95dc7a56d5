"""Patch discriminators of PVDM's autoencoder (Isola et al., arXiv 1611.07004), of frames and clips.

The networks `NLayerDiscriminator` and `NLayerDiscriminator3D` of github.com/sihyun-yu/PVDM.
"""

import itertools
import math

import jax
from flax import nnx
from jax import Array

from vinf_jax.nn.batch_norm import BatchNorm

KERNEL, PADDING = 4, 2
STRIDES = (2, 2, 2, 1, 1)
SPREAD, SLOPE = 0.02, 0.2
"""Deviation of kernels and scales at the start, and leaky ReLU's slope below zero."""


class Stage(nnx.Module):
    """Convolution; in the inner stages batch normalisation; leaky ReLU in all but the last."""

    def __init__(self, inputs: int, outputs: int, axes: int, n: int, *, rngs) -> None:
        self.last = n == len(STRIDES) - 1
        limit = 1 / math.sqrt(inputs * KERNEL**axes)
        self.conv = nnx.Conv(
            inputs,
            outputs,
            (KERNEL,) * axes,
            (STRIDES[n],) * axes,
            padding=[(PADDING, PADDING)] * axes,
            kernel_init=nnx.initializers.normal(SPREAD),
            bias_init=lambda key, shape, dtype: jax.random.uniform(
                key, shape, dtype, -limit, limit
            ),
            rngs=rngs,
        )
        if n > 0 and not self.last:
            self.norm = BatchNorm(outputs, spread=SPREAD, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.conv(x)
        x = self.norm(x) if hasattr(self, "norm") else x
        return x if self.last else jax.nn.leaky_relu(x, SLOPE)


class PatchDiscriminator(nnx.Module):
    """Says of every patch how real it looks, and what it looked at on the way.

    Args:
        axes: 2 for frames (N, H, W, C), 3 for clips (B, F, H, W, C).
        channels: of what is judged.
        width: channels of the first stage; three more have 2, 4 and 8 times as many.

    Batch statistics join everything in one call: judge real and made up in calls of their own.
    """

    def __init__(self, *, axes: int, channels: int = 3, width: int = 64, rngs) -> None:
        if axes not in (2, 3):
            raise ValueError(f"axes is {axes}; 2 judges frames, 3 judges clips")
        self.axes = axes
        widths = [channels, *(width * 2**n for n in range(len(STRIDES) - 1)), 1]
        self.stages = nnx.List(
            Stage(*pair, axes, n, rngs=rngs) for n, pair in enumerate(itertools.pairwise(widths))
        )

    def __call__(self, x: Array) -> list[Array]:
        """The maps of all stages, channels last; the last one, of one channel, is the verdict, and
        the others are for feature matching.

        Raises:
            ValueError: an array of other axes.
        """
        if x.ndim != self.axes + 2:
            wanted = "(N, H, W, C)" if self.axes == 2 else "(B, F, H, W, C)"
            raise ValueError(f"what is judged has shape {x.shape}; {wanted} is needed")
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
