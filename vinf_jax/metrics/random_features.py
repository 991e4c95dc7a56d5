"""A small network of fixed random weights, for a distance where I3D's weights are not at hand.

The Frechet distance of its features orders sets of videos by plain differences of colour, texture
and motion. It is not FVD, and no published figure is comparable with it.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from vinf_jax.nn.resize import bilinear

NAME = "vinf_jax random features 1"
SEED, SIDE = 1, 64
FEWEST = 2


class Layer(NamedTuple):
    """Channels, window and stride (frames, rows, columns) of a convolution."""

    outputs: int
    window: tuple[int, int, int]
    stride: tuple[int, int, int]


LAYERS = (
    Layer(16, (1, 5, 5), (1, 2, 2)),
    Layer(24, (3, 3, 3), (1, 2, 2)),
    Layer(24, (3, 3, 3), (2, 2, 2)),
)
SIZE = 2 * sum(layer.outputs for layer in LAYERS)
"""Features of a clip: 128."""


@functools.cache
def kernels() -> tuple[np.ndarray, ...]:
    """(frames, rows, columns, inputs, outputs) of every layer, float32, of one scale for all.

    numpy's old generator is frozen, so these are the same numbers in every version.
    """
    rng, inputs, made = np.random.RandomState(SEED), 3, []
    for layer in LAYERS:
        shape = (*layer.window, inputs, layer.outputs)
        made.append((rng.randn(*shape) * np.sqrt(2 / np.prod(shape[:-1]))).astype(np.float32))
        inputs = layer.outputs
    return tuple(made)


def features(clips: Array | np.ndarray) -> Array:
    """uint8 B F H W 3 -> (B, 128): of every channel the mean, and the mean change between frames.

    Frames are resized to 64x64 first, bilinearly.

    Raises:
        ValueError: a single frame, or other than clips of three channels.
    """
    if clips.ndim != 5 or clips.shape[-1] != 3 or clips.shape[1] < FEWEST:
        raise ValueError(f"clips have shape {clips.shape}; (B, F, H, W, 3) of 2 frames is needed")
    x = bilinear(jnp.asarray(clips, jnp.float32), SIDE, SIDE) / 127.5 - 1
    seen = []
    for layer, kernel in zip(LAYERS, kernels(), strict=True):
        x = jax.nn.relu(_convolved(x, jnp.asarray(kernel), layer.stride))
        seen += [x.mean((1, 2, 3)), _change(x)]
    return jnp.concatenate(seen, axis=-1)


def _change(x: Array) -> Array:
    """How much a channel changes from frame to frame on average; 0 of a single frame."""
    if x.shape[1] < FEWEST:
        return jnp.zeros((x.shape[0], x.shape[-1]))
    return abs(x[:, 1:] - x[:, :-1]).mean((1, 2, 3))


def _convolved(x: Array, kernel: Array, stride: tuple[int, int, int]) -> Array:
    return lax.conv_general_dilated(
        x, kernel, stride, "SAME", dimension_numbers=("NFHWC", "FHWIO", "NFHWC")
    )
