"""Noise that belongs to the frame: any mesh, and any order of work, draws the same video."""

import jax
import jax.numpy as jnp
from jax import Array

COMMON, ORDERS = 2**30, 2**30 + 1
"""Folded into a key for what all frames have in common, and for the orders of groups of frames; no
frame and no step has these numbers."""


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


def shared_noise(
    key: Array, numbers: Array, shape: tuple[int, ...], dtype=None, *, share: float
) -> Array:
    """As `frame_noise`, but all frames have the `share` of their variance (0 to 1) in common: the
    mixed noise of PYoCo (Ge et al., arXiv 2305.10474)."""
    common = frame_noise(key, jnp.full(1, COMMON), shape, dtype)
    return share**0.5 * common + (1 - share) ** 0.5 * frame_noise(key, numbers, shape, dtype)


def rescheduled_noise(
    key: Array, numbers: Array, shape: tuple[int, ...], dtype=None, *, period: int, group: int
) -> Array:
    """As `frame_noise` for the first `period` frames; later ones have that noise again, within
    every `group` of frames in an order of its own (FreeNoise, arXiv 2310.15169, eq. 7)."""

    def source(key, number):
        place = number % group
        order = jax.random.fold_in(jax.random.fold_in(key, ORDERS), number // group)
        place = jnp.where(number < period, place, jax.random.permutation(order, group)[place])
        return number // group % (period // group) * group + place

    def frame(key, number):
        return frame_noise(key[None], source(key, number)[None], shape, dtype)[0, 0]

    over_frames = jax.vmap(frame, in_axes=(None, 0))
    return jax.vmap(over_frames, in_axes=(0, None))(key, numbers)
