"""C3D as Chainer's `conv3d_deepnetA_ucf.npz` names it, and the mean video of `mean2.npz`."""

import math
from typing import Any

import numpy as np

from vinf_jax.checkpoint.mapping import Kind, Row
from vinf_jax.checkpoint.rows import KERNEL_3D, MATRIX, SAME, turned

from .sizes import Sizes

CONVS = ("1a", "2a", "3a", "3b", "4a", "4b", "5a", "5b")
SIGNS = ("conv1a/W", "conv5b/W", "fc8/W")
MEAN = "mean"
"""In mean2.npz, (3, frames, rows, columns), blue first."""
ROWS = 112
"""And columns, of what the network sees; four by four cells of it are left at the end."""
CELLS = 4


def table(*, widths: list[int], size: int) -> list[Row]:
    """The rows for `C3D` of these channels and this size."""
    rows = [Row(MEAN, ("mean",), turned(1, 2, 3, 0))]
    for n, name in enumerate(CONVS):
        rows += _layer(f"convs.{n}", f"conv{name}", KERNEL_3D)
    first = flattened(widths[-1], -(-size // 2**5))
    for name, kind in (("fc6", first), ("fc7", MATRIX), ("fc8", MATRIX)):
        rows += _layer(name, name, kind)
    return rows


def arguments(sizes: Sizes) -> dict[str, Any]:
    """Those of `C3D`, which the stored shapes tell.

    Raises:
        ValueError: a matrix behind the convolutions that fits no square picture.
    """
    widths = [sizes.axis(f"conv{name}/W", 0) for name in CONVS]
    mean = [sizes.axis(MEAN, axis) for axis in (1, 2, 3)]
    inputs = sizes.axis("fc6/W", 1)
    side = math.isqrt(inputs // widths[-1])
    if side**2 * widths[-1] != inputs:
        raise ValueError(f"fc6/W takes {inputs} features; {widths[-1]} channels do not give that")
    return {
        "classes": sizes.axis("fc8/W", 0),
        "widths": widths,
        "hidden": sizes.axis("fc6/W", 0),
        "frames": mean[0],
        "size": ROWS * side // CELLS,
        "mean": mean,
    }


def flattened(channels: int, side: int) -> Kind:
    """A matrix (O, channels times rows times columns) as (rows times columns times channels, O)."""

    def ours(x: np.ndarray) -> tuple[np.ndarray]:
        return (x.reshape(-1, channels, side**2).transpose(2, 1, 0).reshape(-1, len(x)),)

    def theirs(x: np.ndarray) -> np.ndarray:
        outputs = x.shape[1]
        return x.reshape(side**2, channels, outputs).transpose(2, 1, 0).reshape(outputs, -1)

    return Kind(ours, theirs)


def _layer(target: str, source: str, kind: Kind) -> list[Row]:
    return [
        Row(f"{source}/W", (f"{target}.kernel",), kind),
        Row(f"{source}/b", (f"{target}.bias",), SAME),
    ]
