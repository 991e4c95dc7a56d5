"""Pixels: numbers in [-1, 1] for networks, bytes for people."""

import jax.numpy as jnp
from jax import Array


def to_bytes(images: Array) -> Array:
    """Pictures in [-1, 1] as uint8, rounded once; what lies beyond is cut off."""
    wide = images.astype(jnp.promote_types(images.dtype, jnp.float32))
    return jnp.round((jnp.clip(wide, -1, 1) + 1) * 127.5).astype(jnp.uint8)


def to_unit(pixels: Array) -> Array:
    """uint8 pixels as float32 in [-1, 1]."""
    return pixels.astype(jnp.float32) / 127.5 - 1
