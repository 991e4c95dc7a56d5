"""Sinusoids of numbers in float32, to the last bit as PyTorch computes them.

The public networks see diffusion time and frame rate as float32 sines and cosines of angles up to
1000. An implementation that rounds another way differs by 6e-8 there and by 1e-6 after the network,
which float64 comparisons notice. PyTorch takes both from SLEEF (sleef.org, accuracy u10), whose
results are mostly but not always the nearest float32; `rows` repeats its arithmetic for the whole
numbers, the only values that the public networks were given.
"""

import functools
import math

import jax.numpy as jnp
import numpy as np
from jax import Array

WHOLE = 1000
"""Numbers below this have rows: all diffusion times and frame rates."""

PI = [np.float32(x) for x in (3.1414794921875, 0.00011315941810607910156, 1.9841872589410058936e-9)]
SERIES = [np.float32(x) for x in (2.6083159809786593541503e-6, -1.981069071916863322258e-4)]
FIFTH = np.float32(0.00833307858556509017944336)
THIRD = np.float32(-0.166666597127914428710938)
FAR = 125
"""Angles from here on are reduced exactly, smaller ones with three parts of pi."""


def sinusoid(value: Array, features: int, dtype) -> Array:
    """[cos(v f_k), sin(v f_k)], f_k = 10000^(-2k / features), for v (B,): (B, features)."""
    value = jnp.asarray(value, jnp.float32)
    angle = value[:, None] * frequencies(features)
    out = jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1)
    row = jnp.clip(jnp.round(value), 0, WHOLE - 1)
    exact = jnp.asarray(rows(features))[row.astype(int)]
    return jnp.where((row == value)[:, None], exact, out).astype(dtype)


def frequencies(features: int) -> np.ndarray:
    """10000^(-2k / features) from float32 exponents, rounded once: a float32 exponential may be off
    in the last bit, which an angle of 1000 makes a thousand times larger."""
    half = features // 2
    exponent = -math.log(10000) * np.arange(half, dtype=np.float32) / half
    return np.exp(exponent.astype(np.float64)).astype(np.float32)


@functools.cache
def rows(features: int) -> np.ndarray:
    """The sinusoids of 0, 1, ... 999: (1000, features)."""
    angle = np.arange(WHOLE, dtype=np.float32)[:, None] * frequencies(features)
    return np.concatenate([_wave(angle, 0.5), _wave(angle, 0.0)], axis=-1)


def _wave(angle: np.ndarray, lead: float) -> np.ndarray:
    """sin(angle + lead pi), in the steps that SLEEF takes: the distance r to the nearest zero, then
    r (1 + r^2 p(r^2)), whose last terms are float32."""
    exact = angle.astype(np.float64)
    turns = np.rint(exact / np.pi + lead) - lead
    parts = [(turns * float(part)).astype(np.float32) for part in PI]
    near = exact - parts[0] - parts[1] - parts[2]
    far = exact - turns * np.pi
    distance = np.where(angle < FAR, near, far)
    head = np.where(angle < FAR, angle - parts[0] - parts[1] - parts[2], far.astype(np.float32))
    square = head * head
    high = np.full_like(square, SERIES[0])
    for term in (SERIES[1], FIFTH):
        high = (high.astype(np.float64) * square + float(term)).astype(np.float32)
    bend = distance**2 * (float(THIRD) + (high * square).astype(np.float64))
    sign = np.where((turns + lead) % 2 == 1, -1, 1)
    return (sign * distance * (1 + bend)).astype(np.float32)
