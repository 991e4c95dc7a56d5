"""Sinusoids: the nearest float32 almost everywhere, PyTorch's float32 everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.tolerances import EXACT, OP
from vinf_jax.nn.sinusoid import FAR, frequencies, rows, sinusoid


@pytest.mark.parametrize("features", [32, 320])
def test_rows_are_sines_and_cosines_to_the_last_bit(features):
    angle = (np.arange(1000, dtype=np.float32)[:, None] * frequencies(features)).astype(float)
    exact = np.concatenate([np.cos(angle), np.sin(angle)], axis=-1)
    assert np.abs(rows(features) - exact).max() < 6e-8  # one unit in float32's last place
    assert np.abs(angle).max() > FAR


def test_rows_keep_the_bits_in_which_pytorch_is_not_the_nearest_float32():
    angle = (np.float32([801, 24])[:, None] * frequencies(32)).astype(float)
    nearest = np.concatenate([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32)
    other = np.argwhere(rows(32)[[801, 24]] != nearest)
    assert other.tolist() == [[0, 10], [1, 16 + 9]]  # found by fitting the float64 fixtures


@pytest.mark.parametrize("value", [[801], [801.0], [0], [999]])
def test_whole_numbers_take_their_row(value):
    out = jax.jit(lambda v: sinusoid(v, 64, jnp.float32))(jnp.asarray(value))
    assert np.abs(out[0] - rows(64)[int(value[0])]).max() == EXACT


@pytest.mark.parametrize("value", [12.5, 1000.0, 5000.0, -3.0])
def test_other_numbers_take_the_formula(value):
    angle = (np.float32(value) * frequencies(16)).astype(float)
    exact = np.concatenate([np.cos(angle), np.sin(angle)])
    assert np.abs(sinusoid(jnp.asarray([value]), 16, jnp.float32)[0] - exact).max() < OP
