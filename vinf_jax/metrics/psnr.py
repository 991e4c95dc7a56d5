"""Peak signal to noise ratio of clips, in dB."""

import math

import numpy as np


def psnr(frames: np.ndarray, other: np.ndarray) -> float:
    """Of two clips of uint8 F H W 3; infinite for equal ones.

    The square error is averaged over the whole clip, as PVDM's evaluation does (evals/eval.py of
    github.com/sihyun-yu/PVDM); a set's figure is the mean of its clips' figures.

    Raises:
        ValueError: other than uint8, or two shapes.
    """
    if frames.dtype != np.uint8 or other.dtype != np.uint8 or frames.shape != other.shape:
        raise ValueError(
            f"clips are {frames.dtype} {frames.shape} and {other.dtype} {other.shape}; both must "
            "be uint8 and of one shape"
        )
    square = np.mean([_square(*pair) for pair in zip(frames, other, strict=True)])
    return math.inf if square == 0 else 10 * math.log10(255**2 / square)


def _square(frame: np.ndarray, other: np.ndarray) -> float:
    return float(np.mean((frame.astype(np.int32) - other) ** 2))
