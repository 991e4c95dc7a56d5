"""I3D, the video classifier whose logits FVD compares (Carreira and Zisserman, arXiv 1705.07750).

The network of `InceptionI3d` in PyTorch, as VideoGPT's and PVDM's evaluation call it with
`i3d_pretrained_400.pt`; 12,697,264 parameters.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.batch_norm import StoredBatchNorm
from vinf_jax.nn.pool import max_pool

STEM = (64, 64, 192)
MIXED = (
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)
"""Channels of Mixed_3b, 3c, 4b, ... 5c: 1x1; before and of 3x3; before and of the other 3x3; of the
1x1 behind maxima."""
POOLS = {0: ((1, 3, 3), (1, 2, 2)), 2: ((3, 3, 3), (2, 2, 2)), 7: ((2, 2, 2), (2, 2, 2))}
"""Window and stride of the maxima before a mixed block of this number."""
FEWEST = 9
"""Frames of which two steps of time are left at the end."""


class Unit(nnx.Module):
    """Convolution without bias, normalisation, ReLU; zeros at the ends as TensorFlow's SAME."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, *, rngs) -> None:
        window, steps = (size,) * 3, (stride,) * 3
        self.conv = nnx.Conv(
            inputs, outputs, window, steps, padding="SAME", use_bias=False, rngs=rngs
        )
        self.norm = StoredBatchNorm(outputs, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return jax.nn.relu(self.norm(self.conv(x)))


class Mixed(nnx.Module):
    """Four views of the same neighbourhood side by side. Branches have their public names."""

    def __init__(self, inputs: int, widths: Sequence[int], *, rngs) -> None:
        one, before, three, before_other, other, behind = widths
        self.b0 = Unit(inputs, one, 1, rngs=rngs)
        self.b1a = Unit(inputs, before, 1, rngs=rngs)
        self.b1b = Unit(before, three, 3, rngs=rngs)
        self.b2a = Unit(inputs, before_other, 1, rngs=rngs)
        self.b2b = Unit(before_other, other, 3, rngs=rngs)
        self.b3b = Unit(inputs, behind, 1, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        branches = [
            self.b0(x),
            self.b1b(self.b1a(x)),
            self.b2b(self.b2a(x)),
            self.b3b(max_pool(x, (3, 3, 3), (1, 1, 1))),
        ]
        return jnp.concatenate(branches, axis=-1)


class I3D(nnx.Module):
    """Logits of actions for every clip.

    Args:
        classes: how many actions.
        stem: channels of the three convolutions before the mixed blocks.
        mixed: of the nine mixed blocks, six numbers each.
    """

    def __init__(
        self,
        *,
        classes: int = 400,
        stem: Sequence[int] = STEM,
        mixed: Sequence[Sequence[int]] = MIXED,
        rngs,
    ) -> None:
        self.stem = nnx.List(
            [
                Unit(3, stem[0], 7, 2, rngs=rngs),
                Unit(stem[0], stem[1], 1, rngs=rngs),
                Unit(stem[1], stem[2], 3, rngs=rngs),
            ]
        )
        inputs = [stem[2], *(width(block) for block in mixed)]
        self.mixed = nnx.List(Mixed(inputs[n], block, rngs=rngs) for n, block in enumerate(mixed))
        self.logits = nnx.Linear(inputs[-1], classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """(B, F, H, W, 3) in [-1, 1] -> (B, classes), before softmax.

        F is at least 9. The published metrics give 224x224; at other sizes the last mean is taken
        over all that is left of rows and columns, which at 224 is the published window of 7x7.

        Raises:
            ValueError: too few frames, or other than three channels.
        """
        if x.ndim != 5 or x.shape[-1] != 3 or x.shape[1] < FEWEST:
            raise ValueError(
                f"clips have shape {x.shape}; I3D takes (B, F, H, W, 3) of {FEWEST} frames or more"
            )
        x = max_pool(self.stem[0](x), (1, 3, 3), (1, 2, 2))
        x = self.stem[2](self.stem[1](x))
        for n, block in enumerate(self.mixed):
            x = block(max_pool(x, *POOLS[n]) if n in POOLS else x)
        x = x.mean((2, 3))
        return self.logits((x[:, 1:] + x[:, :-1]) / 2).mean(1)


def width(block: Sequence[int]) -> int:
    """Channels that a mixed block gives."""
    return block[0] + block[2] + block[4] + block[5]
