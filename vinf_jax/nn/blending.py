"""Features of two kinds of attention, blended by frequency along time.

Low frequencies of one, high ones of the other (FreeLong, arXiv 2407.19918, eq. 3 to 5). The paper's
Gaussian low-pass filter of the spectrum, exp(-(f / cutoff)^2 / 2) with f in units of half the frame
rate, is a Gaussian over frames of standard deviation 1 / (pi cutoff), so neighbours are all that it
asks for; nothing wraps around from the last frame to the first, as with a Fourier transform.
"""

import math

import jax.numpy as jnp
from jax import Array

from vinf_jax.parallel.timeline import NOWHERE, Timeline


def low_pass(timeline: Timeline, numbers: Array, parts: Array, cutoff: float) -> Array:
    """Weights (2 reach + 1, F) of the frames around each frame, by number, which sum to 1. Frames
    of another part, and those beyond three standard deviations, have none. numbers, parts: (F,)."""
    width = 1 / (math.pi * cutoff)
    reach = math.ceil(3 * width)
    here = jnp.stack([numbers, parts.astype(numbers.dtype)])
    around = timeline.halo(here, reach, NOWHERE)
    weights = []
    for start in range(2 * reach + 1):
        number, part = around[:, start : start + numbers.shape[0]]
        seen = (part == parts) & (number != NOWHERE) & (jnp.abs(number - numbers) <= reach)
        distance = jnp.where(seen, number - numbers, 0) / width
        weights.append(jnp.where(seen, jnp.exp(-(distance**2) / 2), 0))
    total = sum(weights)
    return jnp.stack(weights) / jnp.where(total == 0, 1, total)


def smooth(timeline: Timeline, x: Array, weights: Array) -> Array:
    """x (N, F, C) with each frame the weighted mean of those around it. weights: of `low_pass`."""
    frames, reach = x.shape[1], weights.shape[0] // 2
    around = timeline.halo(x, reach)
    weights = weights.astype(x.dtype)[:, None, :, None]
    return sum(around[:, n : n + frames] * weight for n, weight in enumerate(weights))
