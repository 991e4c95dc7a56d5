"""A sprite's shape in the means of its planes, where recursion does not wear it off.

Latents of a circle and of a square differ by little and in a few tokens, so a UNet's errors turn
one into the other, clip after clip. A mean bears errors, since those of single tokens cancel. So
the autoencoder is told to let the means say the shape (`telling`), its decoder to believe them
against all the rest (`blend`), and so is the UNet (`blend` of its own).
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from vinf_jax.nn.planes import Planes

SHARP = 30.0
"""Times how far the means go along a code: they need not go beyond 0.2."""
CODES = np.array([(1, 1, 1, 1), (1, -1, 1, -1), (1, 1, -1, -1), (1, -1, -1, 1)], np.float32)
"""Of each of `captions.SHAPES`, where the means of four channels are to lie; at right angles."""


def untold(planes: Planes, latents: Array, shapes: Array) -> Array:
    """How badly the means of the planes of latents (B, N, D) tell the shapes (B,), numbers in
    SHAPES: cross-entropy, a scalar. D is a multiple of 4."""
    codes = jnp.tile(CODES, latents.shape[-1] // CODES.shape[1])
    along = (planes.means(latents).mean(1) @ codes.T) / codes.shape[1]
    return optax.softmax_cross_entropy_with_integer_labels(SHARP * along, shapes).mean()


def blended(planes: Planes, key: Array, latents: Array, others: Array, most: float) -> Array:
    """Half of the latents (B, N, D) with up to `most` of `others`; the means stay their own."""
    keys = jax.random.split(key)
    each = (len(latents), 1, 1)
    share = jax.random.uniform(keys[0], each, latents.dtype, maxval=most)
    share *= jax.random.bernoulli(keys[1], 0.5, each)
    away = others - latents
    return latents + share * (away - planes.spread(planes.means(away)))


def partners(latents: Array) -> Array:
    """Of pairs (first, second, first, second, ...) the other one of each."""
    pairs = latents.reshape(-1, 2, *latents.shape[1:])
    return pairs[:, ::-1].reshape(latents.shape)
