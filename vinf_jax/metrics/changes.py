"""What changes from frame to frame of a long video: seams, flicker, motion.

Plain arithmetic on uint8 frames (F, H, W, 3), in levels of 255. A pixel's change is told apart into
what goes on (motion) and what is taken back by the next frame (flicker): of three frames in a row,
whatever they are, the two changes make up 2 |middle - median| + |last - first|, by pixel.

`parts` are half-open ranges of frames that are measured each for itself, say one for every scene:
no change across their borders counts. Without them the video is one part.
"""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from vinf_jax.metrics.parts import Range, checked

FLOOR = 0.25
"""Levels of 255 that are added to both sides of a ratio, so that none is of nothing to nothing."""


def steps(frames: np.ndarray, parts: Sequence[Range] | None = None) -> dict[int, float]:
    """Mean absolute difference from the frame before, in levels, by frame number."""
    return {
        n: _apart(frames[n - 1], frames[n])
        for start, stop in checked(frames, parts)
        for n in range(start + 1, stop)
    }


def seams(
    frames: np.ndarray, joins: Collection[int], parts: Sequence[Range] | None = None
) -> float | None:
    """The mean change across joins, over the mean change elsewhere; 1 where joins do not show.

    A still video scores 1, and one that is cut at its joins more the less it moves between them.

    Args:
        joins: numbers of the frames that begin a clip or a wave.

    Returns:
        The score, or None where no join lies within a part, or nothing else does.
    """
    found = steps(frames, parts)
    across = [value for n, value in found.items() if n in joins]
    inside = [value for n, value in found.items() if n not in joins]
    if not across or not inside:
        return None
    return float((np.mean(across) + FLOOR) / (np.mean(inside) + FLOOR))


def flicker(frames: np.ndarray, parts: Sequence[Range] | None = None) -> float | None:
    """How far, in levels, a pixel lies from the median of itself and its two neighbours in time.

    What moves on, fades or is cut is at its median; what comes up in one frame and is gone in the
    next is not. None where no part has three frames.
    """
    found = [
        _apart(
            middle, np.maximum(np.minimum(one, middle), np.minimum(np.maximum(one, middle), two))
        )
        for one, middle, two in _threes(frames, parts)
    ]
    return float(np.mean(found)) if found else None


def motion(frames: np.ndarray, parts: Sequence[Range] | None = None) -> float | None:
    """Change that goes on, in levels a frame: the mean change, less twice the flicker.

    A still video has none. Nor has, in the mean, one whose frames stand in an order of chance, nor
    noise, nor what goes back and forth every frame: two frames of such differ by two thirds of the
    range of three, and one of the three is a third of that range off their median.
    None where no part has three frames.
    """
    spikes = flicker(frames, parts)
    if spikes is None:
        return None
    return max(0.0, float(np.mean(list(steps(frames, parts).values()))) - 2 * spikes)


def _threes(
    frames: np.ndarray, parts: Sequence[Range] | None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for start, stop in checked(frames, parts):
        for n in range(start + 1, stop - 1):
            yield frames[n - 1], frames[n], frames[n + 1]


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    return float((np.maximum(one, other) - np.minimum(one, other)).mean())
