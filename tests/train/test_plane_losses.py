"""What PVDM's autoencoder minimises, term by term."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.compiled import compiled
from train import plane_shapes
from train.plane_losses import alone, edges, passed, reconstruction
from train.plane_networks import new_autoencoder
from vinf_jax.models.pvdm_autoencoder import PVDMAutoencoder
from vinf_jax.nn.parameters import merge
from vinf_jax.programs import load_config

WEIGHTS = {"pixel": 0.0, "square": 0.0, "perceptual": 0.0, "bounds": 0.0}


def small():
    config = load_config("configs/pvdm_sprites.py")
    config.update({"size": 16, "frames": 2})
    config.autoencoder.update({"width": 16, "layers": 1, "heads": 2, "plane_heads": 2})
    return config


def random_clips(config, count):
    shape = (count, config.frames, config.size, config.size, 3)
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


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


def test_noise_lies_on_latents_alone():
    """Another draw, another picture; what is encoded stays; without noise nothing is drawn."""
    config = small()
    graph, parameters = new_autoencoder(config)
    t, clips = config.train_autoencoder, {"clips": jnp.asarray(random_clips(config, 1))}
    t.blend = 0.0

    def seen(noise, *seeds):
        t.latent_noise = noise
        call = jax.jit(lambda w, key: passed(t, merge(graph, w), clips, jnp.float32, key))
        return [call(parameters, jax.random.key(seed)) for seed in seeds]

    (plain,), (first, again, second) = seen(0.0, 0), seen(0.5, 0, 0, 1)
    rebuilt = compiled(lambda model, x: model.decode(model.encode(x)), graph, parameters, plain[0])
    np.testing.assert_allclose(plain[1], rebuilt, atol=1e-6)
    np.testing.assert_array_equal(first[1], again[1])
    for one, other in ((plain, first), (first, second)):
        assert jnp.abs(one[1] - other[1]).max() > 1e-3
        np.testing.assert_array_equal(one[2], other[2])


def test_a_pair_is_blended_but_for_the_means_and_told_apart():
    """Latents are blended before they are decoded; what counts is what was encoded."""
    config = small()
    t = config.train_autoencoder
    t.update(WEIGHTS | {"telling": 2.0, "latent_noise": 0.0, "blend": 0.9})
    graph, parameters = new_autoencoder(config)
    planes, key = merge(graph, parameters).planes, jax.random.key(1)
    batch = {"clips": jnp.asarray(random_clips(config, 6)), "shapes": jnp.arange(6) % 4}
    through = jax.jit(lambda w: passed(t, merge(graph, w), batch, jnp.float32, key))
    real, made, free = through(parameters)
    latents = compiled(PVDMAutoencoder.encode, graph, parameters, real)
    np.testing.assert_allclose(jnp.tanh(free), latents, atol=1e-6)
    own = jax.random.fold_in(key, 2)
    other = plane_shapes.blended(planes, own, latents, plane_shapes.partners(latents), t.blend)
    again = compiled(PVDMAutoencoder.decode, graph, parameters, other)
    np.testing.assert_allclose(made, again, atol=1e-5)
    assert jnp.abs(other - latents).max() > 0.01
    value, seen = jax.jit(alone(t, graph, edges, jnp.float32))(parameters, batch, key)
    untold = plane_shapes.untold(planes, latents, batch["shapes"])
    np.testing.assert_allclose([value, seen["untold"]], [2 * untold, untold], rtol=1e-5)
