"""C3D (Tran et al., arXiv 1412.0767), tuned on UCF-101: the classifier of the inception score.

The network, pre-processing included, of `C3DVersion1UCF101` in TGANv2
(github.com/pfnet-research/tgan2), whose weights are Chainer's `conv3d_deepnetA_ucf.npz`.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.linear import Dense
from vinf_jax.nn.pool import max_pool
from vinf_jax.nn.resize import bilinear

WIDTHS = (64, 128, 256, 256, 512, 512, 512, 512)
NAMES = ("1a", "2a", "3a", "3b", "4a", "4b", "5a", "5b")
POOLS = {"1a": (1, 2, 2), "2a": (2, 2, 2), "3b": (2, 2, 2), "4b": (2, 2, 2), "5b": (2, 2, 2)}
"""Windows and strides of the maxima behind a convolution; an odd cell at the end counts."""
CROP = 8
"""Rows and columns of the mean video above and left of what is used."""


class C3D(nnx.Module):
    """Logits of actions for every clip.

    Args:
        classes: how many actions.
        widths: channels of the eight convolutions.
        hidden: features of both hidden layers.
        frames, size: of clips; they are resized to this many rows and columns.
        mean: frames, rows and columns of the mean video, which is stored with the weights.
    """

    def __init__(
        self,
        *,
        classes: int = 101,
        widths: Sequence[int] = WIDTHS,
        hidden: int = 4096,
        frames: int = 16,
        size: int = 112,
        mean: Sequence[int] = (16, 128, 128),
        rngs,
    ) -> None:
        self.frames, self.size = frames, size
        inputs = [3, *widths]
        self.convs = nnx.List(
            nnx.Conv(inputs[n], inputs[n + 1], (3, 3, 3), padding="SAME", rngs=rngs)
            for n in range(len(NAMES))
        )
        features = cells(frames, size) * widths[-1]
        self.fc6 = Dense(features, hidden, rngs=rngs)
        self.fc7 = Dense(hidden, hidden, rngs=rngs)
        self.fc8 = Dense(hidden, classes, rngs=rngs)
        self.mean = nnx.BatchStat(jnp.zeros((*mean, 3)))

    def __call__(self, x: Array) -> Array:
        """(B, F, H, W, 3), red green blue in [-1, 1] -> (B, classes), before softmax.

        Raises:
            ValueError: another number of frames, or other than three channels.
        """
        if x.ndim != 5 or x.shape[-1] != 3 or x.shape[1] != self.frames:
            raise ValueError(f"clips have shape {x.shape}; C3D takes (B, {self.frames}, H, W, 3)")
        x = self.prepared(x)
        for name, conv in zip(NAMES, self.convs, strict=True):
            x = jax.nn.relu(conv(x))
            x = max_pool(x, POOLS[name], POOLS[name]) if name in POOLS else x
        x = jax.nn.relu(self.fc6(x.reshape(len(x), -1)))
        return self.fc8(jax.nn.relu(self.fc7(x)))

    def prepared(self, x: Array) -> Array:
        """Pixels as Caffe's networks know them: blue first, 0..255, minus the mean video."""
        crop = slice(CROP, CROP + self.size)
        x = bilinear(128 * x[..., ::-1], self.size, self.size, corners=True)
        return x + (128 - self.mean[:, crop, crop])


def cells(frames: int, size: int) -> int:
    """Of one channel behind the last maxima."""
    side = -(-size // 2**5)
    return -(-frames // 2**4) * side**2
