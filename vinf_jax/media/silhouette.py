"""Find a shape and its angle by its silhouette: templates over all rotations, and moments."""

import functools

import numpy as np

from vinf_jax.media.captions import SHAPES
from vinf_jax.media.drawing import coverage

SYMMETRY = {"circle": 1, "square": 4, "triangle": 3, "cross": 4}
"""How often a shape looks the same in one turn (a circle's turning cannot be seen at all)."""

_GRID = 24  # samples across a cut-out, which is two roots of the sprite's area wide
_STEPS = (np.arange(_GRID) + 0.5) / _GRID * 2 - 1
_AREA = (_GRID / 2) ** 2  # of every cut-out and template
_MISFIT = 0.15  # the part of its area in which a shape may differ from the best template


def centre(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centre of gravity on the torus of masks F H W: x and y in pixels, F each.

    The circular mean, refined by the mean of the wrapped offsets from it.
    """
    centres = []
    for profile in (mask.sum(1), mask.sum(2)):
        length = profile.shape[1]
        place = np.arange(length) + 0.5
        turn = profile @ np.exp(2j * np.pi * place / length)
        middle = np.angle(turn) / (2 * np.pi) * length
        offset = place - middle[:, None]
        offset -= length * np.round(offset / length)
        mean = (profile * offset).sum(1) / np.maximum(profile.sum(1), 1e-6)
        centres.append((middle + mean) % length)
    return centres[0], centres[1]


def match(
    mask: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[tuple[str | None, ...], np.ndarray]:
    """The shapes in masks F H W with the given centres, and their angles in radians, F each.

    The name is None and the angle nan where even the best template misfits, and circles have none.
    """
    cut = _cut_out(mask, x, y)
    templates, names = _templates()
    flat = cut.reshape(len(cut), -1)
    misfit = (flat**2).sum(1)[:, None] + (templates**2).sum(1) - 2 * flat @ templates.T
    fits = misfit.min(1) < _MISFIT * _AREA
    shapes = tuple(names[i] if ok else None for i, ok in zip(misfit.argmin(1), fits, strict=True))
    angles = [_angle(picture, shape) for picture, shape in zip(cut, shapes, strict=True)]
    return shapes, np.asarray(angles)


def _cut_out(mask: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The masks around their centres, scaled by the roots of their areas, bilinear: F G G."""
    scale = np.sqrt(mask.sum((1, 2)))[:, None]
    rows = _bilinear(y[:, None] + scale * _STEPS, mask.shape[1])
    columns = _bilinear(x[:, None] + scale * _STEPS, mask.shape[2])
    frame = np.arange(len(mask))[:, None, None]
    cut = np.zeros((len(mask), _GRID, _GRID))
    for row, down in rows:
        for column, across in columns:
            pixels = mask[frame, row[:, :, None], column[:, None, :]]
            cut += down[:, :, None] * across[:, None, :] * pixels
    return cut


def _bilinear(place: np.ndarray, length: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The two nearest of a ring of pixels, each with its weight."""
    low = np.floor(place - 0.5)
    share = place - 0.5 - low
    first = low.astype(int)
    return [(first % length, 1 - share), ((first + 1) % length, share)]


@functools.cache
def _templates() -> tuple[np.ndarray, tuple[str, ...]]:
    """Every shape in every rotation of 5 degrees, scaled like the cut-outs: T GG, and T names."""
    pictures, names = [], []
    for shape in SHAPES:
        turn = 5 if shape == "circle" else 360 // SYMMETRY[shape]
        angles = np.radians(np.arange(0, turn, 5))
        pictures.append(_drawn(shape, angles))
        names += [shape] * len(angles)
    return np.concatenate(pictures).reshape(len(names), -1), tuple(names)


def _drawn(shape: str, angle: np.ndarray) -> np.ndarray:
    middle = np.full(len(angle), _GRID / 2)
    trial = coverage(shape, middle[:1], middle[:1], _GRID / 4, angle[:1], _GRID, _GRID)
    size = float(_GRID / 4 * np.sqrt(_AREA / trial.sum()))
    return coverage(shape, middle, middle, size, angle, _GRID, _GRID)


def _angle(cut: np.ndarray, shape: str | None) -> float:
    """How far a shape is turned, from the phase of its moment of the symmetry's order."""
    if shape in (None, "circle"):
        return float("nan")
    order = SYMMETRY[shape]
    return float(np.angle(_moment(cut, order) / _upright_moment(shape)) / order)


@functools.cache
def _upright_moment(shape: str) -> complex:
    return _moment(_drawn(shape, np.zeros(1))[0], SYMMETRY[shape])


def _moment(cut: np.ndarray, order: int) -> complex:
    place = _STEPS[None, :] + 1j * _STEPS[:, None]
    return complex((cut * place**order * (abs(place) < 1)).sum())
