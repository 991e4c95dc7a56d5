import numpy as np
import pytest

from vinf_jax.media.square import squared


def by_formula(x, size):
    """Bilinear interpolation as it is defined, one number at a time, in float64."""
    side = len(x)
    where = np.clip((np.arange(size) + 0.5) * side / size - 0.5, 0, side - 1)
    low = where.astype(int)
    high = np.minimum(low + 1, side - 1)
    out = np.empty((size, size, 3))
    for r in range(size):
        for c in range(size):
            down, right = where[r] - low[r], where[c] - low[c]
            top = x[low[r], low[c]] * (1 - right) + x[low[r], high[c]] * right
            bottom = x[high[r], low[c]] * (1 - right) + x[high[r], high[c]] * right
            out[r, c] = top * (1 - down) + bottom * down
    return out


@pytest.mark.parametrize("size", [1, 5, 8, 12, 17, 30])
def test_resizing_is_the_formula(size):
    x = np.random.default_rng(size).integers(256, size=(12, 12, 3), dtype=np.uint8)
    exact = by_formula(x.astype(float), size)
    half_a_level = 0.5 + 1e-4
    assert np.abs(squared(x[None], size)[0] - exact).max() <= half_a_level
    if size == 12:
        assert (squared(x[None], size)[0] == x).all()


def test_the_square_is_the_centre():
    x = np.arange(10 * 7 * 3, dtype=np.uint8).reshape(1, 10, 7, 3)
    assert (squared(x, 7) == x[:, 1:8]).all()
    wide = x.transpose(0, 2, 1, 3)
    assert (squared(wide, 7) == wide[:, :, 1:8]).all()


def test_frames_do_not_mix():
    x = np.random.default_rng(0).integers(256, size=(19, 9, 9, 3), dtype=np.uint8)
    alone = np.concatenate([squared(frame[None], 6) for frame in x])
    assert (squared(x, 6) == alone).all()
