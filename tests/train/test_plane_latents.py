"""Batches of latents: which clips follow which, and what they are told apart from."""

import jax
import jax.numpy as jnp
import numpy as np

from train.plane_latents import PlaneBank, drawn
from train.plane_steps import blurred
from vinf_jax.nn.planes import Planes

PIECES, WINDOWS, TOKENS = 6, 3, 5


def bank(reshaped, black=()):
    """Latents that say which piece, window and shape they are: 100 piece + 10 window + shape."""
    piece, window = np.ogrid[:PIECES, :WINDOWS]
    says = (100 * (piece + 1) + 10 * window).astype(np.float16)
    latents = np.broadcast_to(says[..., None, None], (PIECES, WINDOWS, TOKENS, 1))
    others = latents + 1 if reshaped else latents[:0]
    return PlaneBank(latents, others, np.arange(WINDOWS), np.isin(np.arange(PIECES), black))


def batch(reshaped, conditional, size=200, **how):
    made = drawn(bank(reshaped, **how), np.random.default_rng(0), size, conditional, "sample")
    assert all((x == x[:, :1]).all() for x in made.values())
    return {name: x[:, 0, 0].astype(int) for name, x in made.items()}


def test_the_other_shape_goes_the_same_way():
    made = batch(True, 0.5)
    follows = made["condition"] > 0
    shape = made["target"] % 10
    assert 60 < shape.sum() < 140  # either is the clip
    away = 10 * (WINDOWS - 1)
    assert (made["condition"][follows] == made["target"][follows] - away).all()
    other = made["target"] + (1 - 2 * shape)
    assert (made["other_condition"][follows] == other[follows] - away).all()
    assert not made["other_condition"][~follows].any()


def test_without_another_shape_there_is_none():
    assert batch(False, 0.5).keys() == {"target", "condition"}


def test_padding_is_followed_by_nothing():
    made = batch(True, 1.0, black=(2,))
    padded = made["target"] // 100 == 3
    assert padded.any() and not made["condition"][padded].any()
    assert not made["other_condition"][padded].any()
    assert made["condition"][~padded].all()


def test_noise_lies_on_conditions_that_are_known():
    """White, and one number for a whole plane and channel."""
    planes = Planes(4, 2, 2)
    known = np.zeros((200, planes.tokens, 2), np.float32)
    known[:100] = 1.0
    white, shifted = (
        np.asarray(blurred(planes, jax.random.key(0), jnp.asarray(known), *how)) - known
        for how in ((0.3, 0.0), (0.0, 0.2))
    )
    assert not white[100:].any() and not shifted[100:].any()
    np.testing.assert_allclose([white[:100].std(), shifted[:100].std()], [0.3, 0.2], rtol=0.1)
    means = planes.means(jnp.asarray(shifted))
    np.testing.assert_allclose(planes.spread(means), shifted, atol=1e-6)
    assert not np.allclose(means[:100, 0], means[:100, 1], atol=0.01)
