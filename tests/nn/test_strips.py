"""Pictures in strips are the pictures at once, and need less memory."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.tiny import tiny_network
from tests.tolerances import FP64
from vinf_jax.nn.strips import Picture


def test_strips_are_the_whole(x64):
    """Some levels whole, then single rows; of several frames, with shortcuts and without."""
    network = tiny_network("autoencoder", dtype=jnp.float64, channels=(4, 8), layers=1)
    latents = jnp.asarray(np.random.default_rng(0).standard_normal((2, 4, 10, 4)))
    decode = jax.jit(network.decode, static_argnums=1)
    whole = decode(latents)
    assert whole.shape == (2, 8, 20, 3)
    for tile in (100, 1):
        assert np.abs(decode(latents, tile) - whole).max() < FP64


def test_a_strip_divides_the_height_and_is_no_larger_than_asked():
    for height, pixels, count in [(12, 48, 12), (12, 47, 2), (12, 1, 1), (13, 51, 1)]:
        assert Picture(jnp.zeros((1, 1, height, 4, 1)), pixels).count == count
