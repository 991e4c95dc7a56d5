"""Numbers as vectors: diffusion time and frame rate."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from vinf_jax.nn.linear import Dense


def sinusoid(value: Array, features: int, dtype) -> Array:
    """[cos(v f_k), sin(v f_k)], f_k = 10000^(-2k / features), for v (B,): (B, features).

    Computed in float32 and then cast, as the public implementations do. Their frequencies are the
    exponentials of float32 exponents, rounded once; a float32 exponential may be off in the last
    bit, which times the value is far more than the rest of the network's error in float64.
    """
    half = features // 2
    exponent = -math.log(10000) * np.arange(half, dtype=np.float32) / half
    frequency = np.exp(exponent.astype(np.float64)).astype(np.float32)
    angle = jnp.asarray(value, jnp.float32)[:, None] * frequency
    return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1).astype(dtype)


class NumberEmbedding(nnx.Module):
    """Two linear layers over a sinusoid of a number."""

    def __init__(self, features: int, inner: int, *, rngs) -> None:
        self.features = features
        self.linear_1 = Dense(features, inner, rngs=rngs)
        self.linear_2 = Dense(inner, inner, rngs=rngs)

    def __call__(self, value: Array, dtype) -> Array:
        return self.linear_2(jax.nn.silu(self.linear_1(sinusoid(value, self.features, dtype))))
