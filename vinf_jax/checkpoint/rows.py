"""Rows of a table for whole layers, from PyTorch's parameters to ours.

Every function takes our layer's name and, where it differs, the stored one. What a tensor is
decides how it is turned, never its number of axes: square matrices forgive a forgotten transpose.
"""

from collections.abc import Sequence

import numpy as np

from vinf_jax.checkpoint.mapping import Kind, Row


def turned(*axes: int, ones: int = 0) -> Kind:
    """Drop `ones` trailing axes of size one, then put the axes in this order."""
    back = tuple(int(axis) for axis in np.argsort(axes))

    def ours(x: np.ndarray) -> tuple[np.ndarray]:
        return (x.reshape(x.shape[: x.ndim - ones]).transpose(axes),)

    def theirs(x: np.ndarray) -> np.ndarray:
        return x.transpose(back).reshape(*(x.shape[axis] for axis in back), *(1,) * ones)

    return Kind(ours, theirs)


SAME = Kind(lambda x: (x,), lambda x: x)
MATRIX = turned(1, 0)  # (O, I)
MATRIX_1X1 = turned(1, 0, ones=2)  # (O, I, 1, 1): a convolution that is a matrix
MATRIX_1 = turned(1, 0, ones=1)  # (O, I, 1)
KERNEL_2D = turned(2, 3, 1, 0)  # (O, I, H, W)
KERNEL_3D = turned(2, 3, 4, 1, 0)  # (O, I, F, H, W)
KERNEL_FRAMES = turned(2, 1, 0, ones=2)  # (O, I, F, 1, 1)


def dense(
    target: str, source: str | None = None, *, bias: bool = True, kind: Kind = MATRIX
) -> list[Row]:
    """A linear layer, whether it is stored as one or as a convolution of one pixel."""
    return _layer(target, source, "kernel", kind, bias)


def conv2d(target: str, source: str | None = None) -> list[Row]:
    """A convolution inside a frame."""
    return _layer(target, source, "kernel", KERNEL_2D, True)


def conv3d(target: str, source: str | None = None, *, bias: bool = True) -> list[Row]:
    """A convolution over frames, rows and columns."""
    return _layer(target, source, "kernel", KERNEL_3D, bias)


def frame_mix(target: str, source: str | None = None) -> list[Row]:
    """A convolution over frames only, stored as one over frames, rows and columns."""
    return _layer(target, source, "kernel", KERNEL_FRAMES, True)


def norm(target: str, source: str | None = None) -> list[Row]:
    """Group or layer normalisation."""
    return _layer(target, source, "scale", SAME, True)


def stored_batch_norm(target: str, source: str | None = None) -> list[Row]:
    """Batch normalisation with the statistics that came of training."""
    source = source or target
    more = {"mean": "running_mean", "variance": "running_var"}
    return norm(target, source) + [
        Row(f"{source}.{theirs}", (f"{target}.{ours}",), SAME) for ours, theirs in more.items()
    ]


def array(target: str, source: str | None = None) -> list[Row]:
    """An array that is stored as it is: tokens, positions, embeddings whose rows are looked up."""
    return [Row(source or target, (target,), SAME)]


def stacked(targets: Sequence[str], source: str, kind: Kind) -> list[Row]:
    """Arrays of a kind that are stored as one, joined along its first axis."""

    def ours(x: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(kind.ours(part)[0] for part in np.split(x, len(targets)))

    def theirs(*parts: np.ndarray) -> np.ndarray:
        return np.concatenate([kind.theirs(part) for part in parts])

    return [Row(source, tuple(targets), Kind(ours, theirs))]


def _layer(target: str, source: str | None, weight: str, kind: Kind, bias: bool) -> list[Row]:
    source = source or target
    rows = [Row(f"{source}.weight", (f"{target}.{weight}",), kind)]
    return rows + [Row(f"{source}.bias", (f"{target}.bias",), SAME)] * bias
