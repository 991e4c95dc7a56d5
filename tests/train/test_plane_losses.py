"""What PVDM's autoencoder minimises, term by term."""

import jax
import jax.numpy as jnp
import pytest

from train.plane_losses import edges, reconstruction
from vinf_jax.programs import load_config

WEIGHTS = {"pixel": 0.0, "square": 0.0, "perceptual": 0.0, "bounds": 0.0}


@pytest.mark.parametrize(
    ("weight", "expected"),
    [("pixel", 0.5), ("square", 0.25), ("perceptual", 0.0), ("bounds", (1 + 4 + 0 + 0) / 4)],
)
def test_every_weight_is_of_its_term(weight, expected):
    """Pictures that are half a unit off everywhere have no edge out of place."""
    t = load_config("configs/pvdm_sprites.py").train_autoencoder
    t.update(WEIGHTS | {weight: 3.0})
    real = jnp.zeros((2, 4, 8, 8, 3))
    free = jnp.asarray([2.0, -3.0, 0.5, -1.0])
    value, seen = reconstruction(t, real, real + 0.5, free, edges, jax.random.key(0))
    assert value == pytest.approx(3 * expected)
    assert seen["psnr"] == pytest.approx(10 * jnp.log10(4 / 0.25))


def test_latents_beyond_their_bounds_are_called_back_and_others_left():
    t = load_config("configs/pvdm_sprites.py").train_autoencoder
    t.update(WEIGHTS | {"bounds": 1.0})
    real = jnp.zeros((1, 2, 8, 8, 3))
    slope = jax.grad(lambda free: reconstruction(t, real, real, free, edges, jax.random.key(0))[0])
    assert slope(jnp.asarray([9.0, -9.0, 0.9, 0.0])).tolist() == [4.0, -4.0, 0.0, 0.0]
