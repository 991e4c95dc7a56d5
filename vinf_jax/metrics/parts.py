"""The parts of a video that measures take each for itself: half-open ranges of its frames."""

from collections.abc import Sequence

import numpy as np

Range = tuple[int, int]


def checked(frames: np.ndarray, parts: Sequence[Range] | None = None) -> Sequence[Range]:
    """The parts, or the whole video as one if there are none.

    Args:
        frames: uint8 (F, H, W, 3).

    Raises:
        ValueError: other frames, or parts that reach beyond them.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not frames.size:
        raise ValueError(
            f"frames are {frames.dtype} of shape {frames.shape}; uint8 (F, H, W, 3) is measured"
        )
    if parts is None:
        return [(0, len(frames))]
    wrong = [part for part in parts if not 0 <= part[0] <= part[1] <= len(frames)]
    if wrong:
        raise ValueError(
            f"parts: {wrong[0]} is no range of a video of {len(frames)} frames; give "
            "(first, last + 1)"
        )
    return parts


def pieces(parts: Sequence[Range], length: int) -> list[list[Range]]:
    """Every part in pieces of `length` frames, for each part a list; what is left over is left out.

    Raises:
        ValueError: a length below 1.
    """
    if length < 1:
        raise ValueError(f"length: {length}; pieces of 1 frame or more are needed")
    return [
        [(n, n + length) for n in range(start, stop - length + 1, length)] for start, stop in parts
    ]
