"""Noise that belongs to the frame: any mesh, and any order of work, draws the same video."""

import jax
from jax import Array


def frame_noise(key: Array, numbers: Array, shape: tuple[int, ...], dtype=None) -> Array:
    """Standard normal noise (B, F, *shape) for the frames with these numbers.

    key: one typed key per video, shape (B,); frame f of video b draws from fold_in(key[b], f), so
    the value depends on nothing else. numbers: (F,) integers. For a sampler's noise of step s give
    keys that were folded with s first.
    """

    def frame(key, number):
        return jax.random.normal(jax.random.fold_in(key, number), shape, dtype)

    over_frames = jax.vmap(frame, in_axes=(None, 0))
    return jax.vmap(over_frames, in_axes=(0, None))(key, numbers)
