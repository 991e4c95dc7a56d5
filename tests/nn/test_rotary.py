"""Rotary tables: the public buffers, the half that is kept as it is, and turns that are turns."""

import jax.numpy as jnp
import numpy as np

from tests.tolerances import FP64
from vinf_jax.nn.rotary import (
    frame_frequencies,
    frame_table,
    patch_scales,
    patch_table,
    places,
    turned,
)


def test_public_buffers():
    """The first and last of those that the public classes store, in float32."""
    assert frame_frequencies(64).dtype == patch_scales(64).dtype == np.float32
    assert frame_frequencies(64)[[0, 1]].tolist() == [1.0, np.float32(10000 ** (-1 / 32))]
    assert patch_scales(64)[[0, 1, -1]].tolist() == [
        1.0,
        np.float32(1.1132636070251465),
        np.float32(4.9999995),
    ]
    assert places(3).tolist() == [-1, 0, 1] and places(1).tolist() == [-1]


def test_the_halves_of_frame_angles():
    """Kept for released weights: both of a pair should turn alike, and do not."""
    cosine, _ = frame_table(5, 8)
    np.testing.assert_array_equal(cosine[:, :4], cosine[:, 4:])
    assert not np.allclose(cosine[:, 0], cosine[:, 1])


def test_patches_turn_with_row_and_column():
    for table in patch_table(3, 2, 8):
        x = table.reshape(3, 2, 8)
        np.testing.assert_array_equal(x[:, 0, :4], x[:, 1, :4])
        np.testing.assert_array_equal(x[0, :, 4:], x[2, :, 4:])
        np.testing.assert_array_equal(x[..., ::2], x[..., 1::2])
        assert not np.allclose(x[0, :, :4], x[1, :, :4])


def test_a_turn_is_a_turn(x64):
    """Of each pair of neighbours by its angle, whatever the head."""
    x = np.random.default_rng(0).standard_normal((2, 6, 3, 8))
    cosine, sine = patch_table(3, 2, 8)
    pairs = (x[..., ::2] + 1j * x[..., 1::2]) * (cosine + 1j * sine)[:, None, ::2]
    out = np.asarray(turned(jnp.asarray(x), (cosine, sine)))
    assert np.abs(out[..., ::2] - pairs.real).max() < FP64
    assert np.abs(out[..., 1::2] - pairs.imag).max() < FP64
