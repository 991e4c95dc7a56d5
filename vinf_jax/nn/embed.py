"""Numbers as vectors: diffusion time and frame rate."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array


def sinusoid(value: Array, features: int, dtype) -> Array:
    """[cos(v f_k), sin(v f_k)], f_k = 10000^(-2k / features), for v (B,): (B, features).

    Computed in float32 and then cast, as the public implementations do.
    """
    half = features // 2
    frequency = np.exp(-math.log(10000) * np.arange(half, dtype=np.float32) / half)
    angle = jnp.asarray(value, jnp.float32)[:, None] * frequency.astype(np.float32)
    return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1).astype(dtype)


class NumberEmbedding(nnx.Module):
    """Two linear layers over a sinusoid of a number."""

    def __init__(self, features: int, inner: int, *, rngs) -> None:
        self.features = features
        self.linear_1 = nnx.Linear(features, inner, rngs=rngs)
        self.linear_2 = nnx.Linear(inner, inner, rngs=rngs)

    def __call__(self, value: Array, dtype) -> Array:
        return self.linear_2(jax.nn.silu(self.linear_1(sinusoid(value, self.features, dtype))))
