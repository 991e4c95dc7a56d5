"""LPIPS, the perceptual distance of pictures (Zhang et al., arXiv 1801.03924), on VGG16.

As PVDM trains with it (losses/lpips.py of github.com/sihyun-yu/PVDM, from taming-transformers):
weights of torchvision's VGG16 and of the linear layers in `vgg.pth`.
"""

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.conv import FrameConv
from vinf_jax.nn.pool import halved

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""ImageNet's mean and deviation, for pixels in [-1, 1]."""
EPSILON = 1e-10
WIDTHS, DEPTHS = (64, 128, 256, 512, 512), (2, 2, 3, 3, 3)
"""Channels of VGG16's blocks, and convolutions in each."""


class Block(nnx.Module):
    """Convolutions of 3x3, each with ReLU."""

    def __init__(self, inputs: int, outputs: int, depth: int, *, rngs) -> None:
        widths = [inputs, *[outputs] * depth]
        self.convs = nnx.List(FrameConv(*pair, rngs=rngs) for pair in itertools.pairwise(widths))

    def __call__(self, x: Array) -> Array:
        for conv in self.convs:
            x = jax.nn.relu(conv(x[None])[0])
        return x


class LPIPS(nnx.Module):
    """How different two pictures look; 0 for equal ones.

    Args:
        widths, depths: channels of each block and convolutions in it.
    """

    def __init__(
        self, *, widths: Sequence[int] = WIDTHS, depths: Sequence[int] = DEPTHS, rngs
    ) -> None:
        inputs = [3, *widths]
        self.blocks = nnx.List(
            Block(inputs[n], inputs[n + 1], depth, rngs=rngs) for n, depth in enumerate(depths)
        )
        self.weights = nnx.List(nnx.Param(jnp.ones(width) / width) for width in widths)

    def __call__(self, x: Array, y: Array) -> Array:
        """(N, H, W, 3) and the same, in [-1, 1] -> (N,). H and W are at least 16.

        Raises:
            ValueError: pictures of two shapes, or too small ones.
        """
        least = 2 ** (len(self.blocks) - 1)
        if x.shape != y.shape or x.shape[-1] != 3 or min(x.shape[1:3]) < least:
            raise ValueError(
                f"pictures have shapes {x.shape} and {y.shape}; both must be (N, H, W, 3) with H "
                f"and W of {least} or more"
            )
        both = self.features(jnp.concatenate([x, y]))
        distances = [
            ((unit(level[: len(x)]) - unit(level[len(x) :])) ** 2 @ weight.get_value()).mean((1, 2))
            for level, weight in zip(both, self.weights, strict=True)
        ]
        return jnp.sum(jnp.stack(distances), axis=0)

    def features(self, x: Array) -> list[Array]:
        """What VGG16 sees at the end of each block, before the maxima: relu1_2, ..., relu5_3."""
        x = (x - jnp.asarray(SHIFT, x.dtype)) / jnp.asarray(SCALE, x.dtype)
        seen = []
        for block in self.blocks:
            x = block(halved(x) if seen else x)
            seen.append(x)
        return seen


def unit(x: Array) -> Array:
    """Every pixel's channels divided by their length.

    The length of zero has no slope; there it is taken as constant, which changes no value.
    """
    square = jnp.sum(x**2, axis=-1, keepdims=True)
    length = jnp.sqrt(jnp.where(square > 0, square, 1)) * (square > 0)
    return x / (length + EPSILON)
