"""Sinusoids of numbers in float32, in float64 networks to the last bit as PyTorch computes them.

The public networks see diffusion time and frame rate as float32 sines and cosines of angles up to
1000. One bit more or less is 6e-8 there and 1e-6 behind the network, which float64 comparisons
notice. PyTorch's sines (Sleef's, by all signs) are mostly, not always, the nearest float32: they
are those of a polynomial, and its own small error decides where two floats are about equally near.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

SINE = np.array([2.60831598e-6, -1.98106907e-4, 8.33307859e-3, -1.66666597e-1], np.float32)
"""sin r = r + r^3 (s_0 r^6 + s_1 r^4 + s_2 r^2 + s_3) for r within a quarter turn of zero."""


def sinusoid(value: Array, features: int, dtype) -> Array:
    """[cos(v f_k), sin(v f_k)], f_k = 10000^(-2k / features), for v (B,): (B, features)."""
    angle = jnp.asarray(value, jnp.float32)[:, None] * frequencies(features)
    if dtype == jnp.float64:
        angle = angle.astype(dtype)
        return jnp.concatenate([sine(angle + math.pi / 2), sine(angle)], axis=-1)
    return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1).astype(dtype)


def frequencies(features: int) -> np.ndarray:
    """10000^(-2k / features) from float32 exponents, rounded once: a float32 exponential may be off
    in the last bit, which an angle of 1000 makes a thousand times larger."""
    half = features // 2
    exponent = -math.log(10000) * np.arange(half, dtype=np.float32) / half
    return np.exp(exponent.astype(np.float64)).astype(np.float32)


def sine(angle: Array) -> Array:
    """PyTorch's float32 sine of float64 angles, as float64."""
    half_turns = jnp.round(angle / math.pi)
    rest = angle - half_turns * math.pi
    square = rest**2
    out = rest + rest * square * jnp.polyval(SINE.astype(np.float64), square)
    out = jnp.where(half_turns % 2 == 0, out, -out)
    # A cast there and back would not round: XLA takes it away.
    return jax.lax.reduce_precision(out, exponent_bits=8, mantissa_bits=23)
