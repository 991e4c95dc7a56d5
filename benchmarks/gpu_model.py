"""VideoCrafter2's three networks with random weights, made on the device in seconds."""

import zlib
from collections.abc import Mapping
from functools import cache
from math import prod
from typing import Any

import jax
import jax.numpy as jnp

from tests.parity.interoperability import FULL
from tests.tiny import tiny_model
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.tokenizer import WordTokenizer
from vinf_jax.nn.networks import filled, parameters
from vinf_jax.systems.video_infinity import Settings, VideoInfinity
from vinf_jax.systems.video_infinity.networks import built

from .network_work import UNET

SETTINGS = Settings(
    latent_scale=0.18215,
    prediction="epsilon",
    height=320,
    width=512,
    fps=24.0,
    clip_frames=16,
    guidance=12.0,
    sampler="sde-dpmsolver++",
)
"""As Video-Infinity released it."""


@cache
def model(tiny: bool) -> VideoInfinity:
    """In bfloat16; with `tiny` one that is only there to be rehearsed, in float32."""
    if tiny:
        return tiny_model()
    arguments = {**FULL, "unet": UNET}
    networks = built(arguments)
    arrays = _random(parameters(networks), jnp.bfloat16)
    return VideoInfinity(
        **filled(networks, arrays),
        tokenizer=WordTokenizer(("a",), FULL["text_encoder"]["length"]),
        schedule=Schedule.scaled_linear(),
        settings=SETTINGS,
        arguments=arguments,
    )


def _random(like: Mapping[str, Any], dtype: Any) -> dict[str, jax.Array]:
    """Pieces of one long row of normal numbers, in sizes that keep what passes through them."""
    row = jax.random.normal(jax.random.key(0), (2**24,), dtype)
    return {name: _piece(row, zlib.crc32(name.encode()), name, x.shape) for name, x in like.items()}


def _piece(row: jax.Array, start: int, name: str, shape: tuple[int, ...]) -> jax.Array:
    size = prod(shape)
    x = jnp.resize(jnp.roll(row, start % row.size)[: min(size, row.size)], (size,)).reshape(shape)
    if len(shape) > 1:
        return x / jnp.sqrt(jnp.asarray(size // shape[-1], x.dtype))
    return 0.1 * x + float(name.endswith("scale"))
