"""Bilinear resizing as PyTorch and Chainer do it, without antialiasing."""

import numpy as np
from jax import Array
from jax import numpy as jnp


def bilinear(x: Array, rows: int, columns: int, *, corners: bool = False) -> Array:
    """(..., H, W, C) -> (..., rows, columns, C).

    corners: the outermost pixels keep their places (`align_corners=True`). Otherwise pixels are
    areas and the outermost ones are repeated beyond the edge. Shrinking reads two neighbours at
    most, whatever the factor, as the published metrics do.
    """
    down = jnp.asarray(_weights(x.shape[-3], rows, corners), x.dtype)
    across = jnp.asarray(_weights(x.shape[-2], columns, corners), x.dtype)
    return jnp.einsum("...hwc,ih,jw->...ijc", x, down, across)


def _weights(size: int, wanted: int, corners: bool) -> np.ndarray:
    """(wanted, size): what each old pixel counts in each new one."""
    if corners:
        at = np.linspace(0, size - 1, wanted)
    else:
        at = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, None)
    first = np.minimum(at.astype(int), size - 1)
    second = np.minimum(first + 1, size - 1)
    weights = np.zeros((wanted, size))
    np.add.at(weights, (np.arange(wanted), first), 1 - (at - first))
    np.add.at(weights, (np.arange(wanted), second), at - first)
    return weights
