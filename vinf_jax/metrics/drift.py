"""Drift: how far every later second of a video has gone from its first.

The descriptor is a plain one and has a name, since figures of another one are not comparable. It
says which colours there are and how strong the edges, but not where: what moves or turns keeps it.
"""

from collections.abc import Callable, Sequence

import numpy as np

from vinf_jax.metrics.parts import Range, checked, pieces

NAME = "colours and edges 1"
LEVELS = 4
"""Of a colour channel; the histogram of colours has their cube."""
DOUBLINGS = 10
"""Bins of an edge's strength, from 0 to 510 levels, each for twice the strength before."""
ROWS = 128
"""Pixels of a side that are looked at, about; larger frames are read every few pixels."""

Describe = Callable[[np.ndarray], np.ndarray]
"""uint8 (F, H, W, 3) -> distributions (K, D): of a second, K kinds, each of sum 1."""


def describe(frames: np.ndarray) -> np.ndarray:
    """(2, 64): the distribution of colours, and that of edge strengths, over all pixels.

    A value between two bins counts in both, by its distance, so nothing jumps where a shade does
    not. frames: uint8 (F, H, W, 3).
    """
    step = -(-max(frames.shape[1:3]) // ROWS)
    pixels = frames[:, ::step, ::step].astype(np.float32)
    light = pixels.mean(-1)
    down = np.abs(np.diff(light, axis=1, prepend=light[:, :1]))
    across = np.abs(np.diff(light, axis=2, prepend=light[:, :, :1]))
    edges = _spread([np.log2(1 + down + across)], DOUBLINGS)
    colours = _spread([pixels[..., c] / 255 * (LEVELS - 1) for c in range(3)], LEVELS)
    return np.stack([colours, np.pad(edges, (0, LEVELS**3 - DOUBLINGS))])


def drift(
    frames: np.ndarray,
    fps: float,
    parts: Sequence[Range] | None = None,
    describe: Describe = describe,
) -> list[list[float]]:
    """For each part, the distance of every later second from its first, from 0 to 1.

    The distance is the share of either distribution that would have to change places (the total
    variation), in the mean over the kinds. A part shorter than two seconds has none; an unfinished
    last second does not count.

    Args:
        frames: uint8 (F, H, W, 3).
        fps: frames per second; a second is the next whole number of frames, 1 or more.
    """
    seconds = pieces(checked(frames, parts), max(1, round(fps)))
    return [_distances([describe(frames[slice(*second)]) for second in part]) for part in seconds]


def _distances(seen: Sequence[np.ndarray]) -> list[float]:
    return [float(abs(later - seen[0]).sum(-1).mean() / 2) for later in seen[1:]]


def _spread(values: Sequence[np.ndarray], bins: int) -> np.ndarray:
    """(bins ** len(values),): the joint distribution of values from 0 to bins - 1, each shared
    linearly by the two bins beside it."""
    index, weight = np.zeros(1, np.int64), np.ones(1, np.float32)
    for value in values:
        low = np.minimum(value.ravel().astype(np.int64), bins - 2)
        above = np.clip(value.ravel() - low, 0, 1).astype(np.float32)
        index = np.stack([index * bins + low, index * bins + low + 1])
        weight = np.stack([weight * (1 - above), weight * above])
    total = np.bincount(index.ravel(), weight.ravel(), bins ** len(values))
    return total / total.sum()
