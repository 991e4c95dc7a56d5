"""Frames of any size to small squares: the centre square, resized bilinearly."""

import numpy as np

_AT_ONCE = 8  # frames; bounds the float copies


def squared(pictures: np.ndarray, size: int) -> np.ndarray:
    """uint8 F H W 3 -> uint8 F size size 3, the largest centre square resized.

    Margins that differ are smaller at the top and the left. Bilinear without antialias, corners not
    aligned, as PVDM's public loader resizes: row r is read at (r + 1/2) H / size - 1/2, not beyond
    the outermost rows; in float32, rounded to the nearest level, a half up (the public
    loader keeps the fraction). A square of that size is not changed.
    """
    side = min(pictures.shape[1:3])
    top, left = ((length - side) // 2 for length in pictures.shape[1:3])
    pictures = pictures[:, top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(pictures)
    out = np.empty((len(pictures), size, size, 3), np.uint8)
    for first in range(0, len(pictures), _AT_ONCE):
        part = pictures[first : first + _AT_ONCE]
        out[first : first + _AT_ONCE] = _resized(_resized(part, 1, size), 2, size) + np.float32(0.5)
    return out


def _resized(x: np.ndarray, axis: int, size: int) -> np.ndarray:
    length = x.shape[axis]
    place = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(length / size)
    place = np.maximum(place - np.float32(0.5), 0)
    before = np.minimum(place.astype(np.intp), length - 1)
    after = np.minimum(before + 1, length - 1)
    weight = (place - before).reshape([-1 if n == axis else 1 for n in range(x.ndim)])
    low, high = (x.take(rows, axis).astype(np.float32, copy=False) for rows in (before, after))
    high -= low
    high *= weight
    high += low
    return high
