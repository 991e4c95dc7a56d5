"""Batches of latents: which clips follow which, and what they are told apart from."""

import jax
import jax.numpy as jnp
import numpy as np

from train.plane_latents import PlaneBank, drawn
from train.plane_steps import mixed

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
    assert (made["others"][follows] == made["target"][follows] + (1 - 2 * shape)[follows]).all()
    assert (made["others"][~follows] == made["target"][~follows]).all()
    away = WINDOWS - 1
    assert (made["other_condition"][follows] == made["others"][follows] - 10 * away).all()
    assert not made["other_condition"][~follows].any()


def test_without_another_shape_there_is_none():
    assert batch(False, 0.5).keys() == {"target", "condition"}


def test_padding_is_followed_by_nothing():
    made = batch(True, 1.0, black=(2,))
    padded = made["target"] // 100 == 3
    assert padded.any() and not made["condition"][padded].any()
    assert (made["others"][padded] == made["target"][padded]).all()
    assert made["condition"][~padded].all()


def test_half_of_the_conditions_lean_towards_the_other_shape():
    condition, other = jnp.zeros((400, 5, 2)), jnp.ones((400, 5, 2))
    made = np.asarray(mixed(jax.random.key(0), condition, other, 0.4))
    assert (made == made[:, :1, :1]).all()
    each = made[:, 0, 0]
    assert 150 < (each == 0).sum() < 250 and 0.35 < each.max() <= 0.4
    np.testing.assert_allclose(each[each > 0].mean(), 0.2, atol=0.03)
