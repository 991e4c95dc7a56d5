"""Batch normalisation without hidden state: statistics of the batch at hand, or stored ones."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

EPSILON = 1e-5


class BatchNorm(nnx.Module):
    """Normalises channels (the last axis) by the statistics of the batch that is seen.

    This is what PyTorch's layer does while training. It also averages the statistics as it goes,
    for use after training; networks that are only ever used while training (discriminators) never
    read those, so nothing is averaged here and a call changes nothing. The mean over a batch that
    lies on several devices under jit is the mean over all of it, as of SyncBatchNorm.

    Scales start at 1 with deviation `spread`. Statistics are taken in float32 or wider.
    """

    def __init__(self, channels: int, *, spread: float = 0.0, rngs) -> None:
        drawn = spread * jax.random.normal(rngs.params(), (channels,))
        self.scale = nnx.Param(1 + drawn)
        self.bias = nnx.Param(jnp.zeros(channels))

    def __call__(self, x: Array) -> Array:
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        axes = tuple(range(x.ndim - 1))
        factor = self.scale * lax.rsqrt(wide.var(axes) + EPSILON)
        return ((wide - wide.mean(axes)) * factor + self.bias).astype(x.dtype)


class StoredBatchNorm(nnx.Module):
    """Normalises channels (the last axis) by statistics that came with the weights."""

    def __init__(self, channels: int, *, rngs) -> None:
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.mean = nnx.BatchStat(jnp.zeros(channels))
        self.variance = nnx.BatchStat(jnp.ones(channels))

    def __call__(self, x: Array) -> Array:
        factor = self.scale * lax.rsqrt(self.variance + EPSILON)
        return ((x - self.mean) * factor + self.bias).astype(x.dtype)
