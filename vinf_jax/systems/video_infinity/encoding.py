"""Pixels to latents, checked and a few pictures at a time."""

import numpy as np

from vinf_jax.systems.video_infinity.compiled import Compiled
from vinf_jax.systems.video_infinity.decoding import filled, frames_at_once


def encoded(compiled: Compiled, pixels: np.ndarray, side: int, tile: int = 0) -> np.ndarray:
    """See `VideoInfinity.encode`. side: pixels that both sides must be multiples of. tile: pixels
    at once, but whole pictures, and at least one; 0: CHUNK pictures."""
    pixels = np.asarray(pixels)
    shape = pixels.shape
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or shape[-1] != 3 or not len(pixels):
        raise ValueError(
            f"pixels: {pixels.dtype} of shape {shape}; give uint8 (n, height, width, 3)"
        )
    if shape[1] % side or shape[2] % side or not shape[1] * shape[2]:
        raise ValueError(
            f"pixels: {shape[1]}x{shape[2]}; both sides must be multiples of {side}, so crop or "
            "scale them first"
        )
    count = min(frames_at_once(tile, shape[1] * shape[2]), len(pixels))
    parts = [pixels[first : first + count] for first in range(0, len(pixels), count)]
    made = [compiled.latents(filled(part, count))[: len(part)] for part in parts]
    return np.concatenate(made)
