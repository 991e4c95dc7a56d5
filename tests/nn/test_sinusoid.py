"""Sinusoids: float32's precision everywhere, in float64 networks PyTorch's bits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.tolerances import OP
from vinf_jax.nn.sinusoid import frequencies, sinusoid

LAST_BIT = 6e-8  # one unit in float32's last place, for values up to 1


def exact(values, features):
    angle = np.float32(values)[:, None] * frequencies(features)
    angle = angle.astype(np.float64)
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=-1)


@pytest.mark.parametrize("features", [32, 320])
def test_float64_is_within_the_last_bit_and_has_float32s_bits(x64, features):
    times = np.arange(1000)
    out = np.asarray(jax.jit(lambda v: sinusoid(v, features, jnp.float64))(times))
    assert np.abs(out - exact(times, features)).max() < LAST_BIT
    assert np.array_equal(out, out.astype(np.float32))


@pytest.mark.parametrize(
    ("value", "up", "down"),
    [(801, [10], []), (24, [16 + 9], []), (401, [16 + 13], [11, 16 + 7])],
)
def test_bits_in_which_pytorch_is_not_the_nearest_float32(x64, value, up, down):
    """Found by solving the float64 Video-Infinity fixtures for their 32 cosines and sines."""
    nearest = exact([value], 32).astype(np.float32)
    out = np.asarray(sinusoid(jnp.asarray([value]), 32, jnp.float64))[0]
    assert np.flatnonzero(out > nearest).tolist() == up
    assert np.flatnonzero(out < nearest).tolist() == down


@pytest.mark.parametrize("value", [0, 24, 500.0, 999, 12.5, 5000.0, -3.0])
def test_float32(value):
    out = jax.jit(lambda v: sinusoid(v, 64, jnp.float32))(jnp.asarray([value]))
    assert np.abs(out - exact([value], 64)).max() < OP


def test_frequencies_fall_from_one_towards_a_ten_thousandth():
    out = frequencies(320)
    assert out[0] == 1 and np.abs(out[80] - 1e-2) < 1e-8
    assert np.abs(out[1:] / out[:-1] - 10000 ** (-1 / 160)).max() < OP


def test_cosines_come_first():
    assert sinusoid(jnp.zeros(2), 6, jnp.bfloat16).tolist() == [[1, 1, 1, 0, 0, 0]] * 2
