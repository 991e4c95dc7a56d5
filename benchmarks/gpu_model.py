"""VideoCrafter2's three networks with random weights, made in seconds."""

import zlib
from collections.abc import Mapping
from functools import cache
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

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
    arrays = _random(parameters(networks))
    return VideoInfinity(
        **filled(networks, arrays),
        tokenizer=WordTokenizer(("a",), FULL["text_encoder"]["length"]),
        schedule=Schedule.scaled_linear(),
        settings=SETTINGS,
        arguments=arguments,
    )


def _random(like: Mapping[str, Any]) -> dict[str, jax.Array]:
    """Pieces of one long row of normal numbers, in sizes that keep what passes through them. Made
    by numpy: nothing is to be compiled for it."""
    row = np.random.default_rng(0).standard_normal(2**20, np.float32)
    return {name: jnp.asarray(_piece(row, name, x.shape)) for name, x in like.items()}


def _piece(row: np.ndarray, name: str, shape: tuple[int, ...]) -> np.ndarray:
    x = np.roll(row, zlib.crc32(name.encode()))
    if len(shape) > 1:
        x = x / np.sqrt(np.float32(prod(shape[:-1])))
    else:
        x = np.float32(0.1) * x + np.float32(name.endswith("scale"))
    return np.resize(x.astype(jnp.bfloat16), shape)
