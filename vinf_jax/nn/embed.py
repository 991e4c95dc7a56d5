"""Numbers as vectors: diffusion time and frame rate."""

import jax
from flax import nnx
from jax import Array

from vinf_jax.nn.linear import Dense
from vinf_jax.nn.sinusoid import sinusoid


class NumberEmbedding(nnx.Module):
    """Two linear layers over a sinusoid of a number."""

    def __init__(self, features: int, inner: int, *, rngs) -> None:
        self.features = features
        self.linear_1 = Dense(features, inner, rngs=rngs)
        self.linear_2 = Dense(inner, inner, rngs=rngs)

    def __call__(self, value: Array, dtype) -> Array:
        return self.linear_2(jax.nn.silu(self.linear_1(sinusoid(value, self.features, dtype))))
