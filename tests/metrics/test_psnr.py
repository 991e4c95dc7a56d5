"""PSNR of clips whose difference is known."""

import math

import numpy as np
import pytest

from tests.tolerances import FP64
from vinf_jax.metrics.psnr import psnr


def test_known_figures():
    black = np.zeros((3, 4, 5, 3), np.uint8)
    assert psnr(black, black) == math.inf
    assert abs(psnr(black, black + 255)) < FP64
    assert abs(psnr(black + 7, black) - 20 * math.log10(255 / 7)) < FP64
    half = black.copy()
    half[:, :2] = 255
    assert abs(psnr(black, half) - 10 * math.log10(2)) < FP64


def test_clips_that_do_not_fit_are_refused():
    x = np.zeros((3, 4, 5, 3), np.uint8)
    for other in (x[:2], x.astype(np.float32)):
        with pytest.raises(ValueError, match="both must be uint8 and of one shape"):
            psnr(x, other)
