"""LPIPS as its two files name it: torchvision's VGG16 and the linear layers of `vgg.pth`."""

from typing import Any

import numpy as np

from vinf_jax.checkpoint.mapping import Kind, Row
from vinf_jax.checkpoint.rows import conv2d

from .sizes import Sizes

CONVS = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""Numbers of the convolutions in torchvision's list, by block."""
SIGNS = ("features.28.weight", "lin4.model.1.weight")
IGNORED = ["classifier.*"]
"""What names a picture, behind what sees it."""
VECTOR = Kind(lambda x: (x.reshape(-1),), lambda x: np.reshape(x, (1, -1, 1, 1)))


def table() -> list[Row]:
    """The rows for `LPIPS` with VGG16's depths, of any widths."""
    rows = [Row(f"lin{n}.model.1.weight", (f"weights.{n}",), VECTOR) for n in range(len(CONVS))]
    for n, numbers in enumerate(CONVS):
        for k, number in enumerate(numbers):
            rows += conv2d(f"blocks.{n}.convs.{k}", f"features.{number}")
    return rows


def arguments(sizes: Sizes) -> dict[str, Any]:
    """Those of `LPIPS`, which the stored shapes tell."""
    return {"widths": [sizes.axis(f"features.{numbers[0]}.weight", 0) for numbers in CONVS]}
