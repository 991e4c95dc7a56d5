"""Features as int8 for the way between devices, each token with a scale of its own beside it."""

import jax.numpy as jnp
from jax import Array, lax

LARGEST = 127
SCALE = 4
"""Bytes of a token's scale, a float32."""


def packed(x: Array) -> Array:
    """int8 (..., C + SCALE) of floats (..., C): in units of a 127th of the token's largest value,
    and last that unit, byte by byte, so that one message carries both."""
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    unit = (jnp.abs(wide).max(-1, keepdims=True) / LARGEST).astype(jnp.float32)
    steps = jnp.round(wide / jnp.where(unit > 0, unit, 1))
    steps = jnp.clip(steps, -LARGEST, LARGEST).astype(jnp.int8)
    return jnp.concatenate([steps, lax.bitcast_convert_type(unit, jnp.int8)[..., 0, :]], -1)


def unpacked(message: Array, dtype) -> Array:
    """The floats of `packed`, each at most half a unit off."""
    steps, unit = message[..., :-SCALE], message[..., None, -SCALE:]
    unit = lax.bitcast_convert_type(unit, jnp.float32)
    return (steps.astype(jnp.promote_types(dtype, jnp.float32)) * unit).astype(dtype)
