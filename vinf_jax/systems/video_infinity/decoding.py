"""Latents to pixels and back: every device takes a few frames at a time, and pixels leave the
devices as bytes, in the order of the frames."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from vinf_jax.nn.parameters import dtype_of, merge
from vinf_jax.nn.pixels import to_bytes
from vinf_jax.nn.portions import in_portions
from vinf_jax.parallel.gpu import unrounded
from vinf_jax.parallel.mesh import EVERYWHERE, FRAMES, on_mesh, place

CHUNK = 8
"""Frames that a device decodes from one call to the next, at most."""


def picture(graph: Any, scale: float, tile: int = 0) -> Callable[[Any, Array], Array]:
    """(parameters, latents (N, h, w, C)) -> uint8 pixels (N, H, W, 3), on one device, computed in
    the parameters' precision.

    tile: pixels that are decoded at once, 0 for all: fewer frames, and of larger ones tiles.
    """

    def decode(parameters: Any, latents: Array) -> Array:
        network = merge(graph, parameters)
        narrow = dtype_of(parameters)

        def one(x: Array) -> Array:
            return to_bytes(network.decode((x[0] / scale).astype(narrow), tile or None))[None]

        frame = jax.eval_shape(one, latents[None, :1])
        with unrounded(parameters):
            return in_portions(one, (latents[None],), frames_at_once(tile, frame.size // 3))[0]

    return decode


def frames_at_once(tile: int, frame: int) -> int:
    """How many frames of so many pixels are decoded at once."""
    return max(1, min(CHUNK, tile // frame)) if tile else CHUNK


def latents(graph: Any, scale: float) -> Callable[[Any, Array], Array]:
    """(parameters, uint8 pixels (N, H, W, 3)) -> latents (N, h, w, C), the means of their
    distributions, on one device."""

    def encode(parameters: Any, pixels: Array) -> Array:
        images = pixels.astype(dtype_of(parameters)) / 127.5 - 1
        with unrounded(parameters):
            mean = merge(graph, parameters).encode(images)[0]
        return mean.astype(jnp.promote_types(mean.dtype, jnp.float32)) * scale

    return encode


def chunk_decoder(graph: Any, scale: float, mesh: Mesh, tile: int = 0) -> jax.stages.Wrapped:
    """(parameters, latents (1, F, h, w, C)) -> uint8 (1, F, H, W, 3), each frame on the device that
    holds it. tile: as in `picture`."""
    decode = picture(graph, scale, tile)

    def own(parameters: Any, latents: Array) -> Array:
        return decode(parameters, latents[0])[None]

    return jax.jit(on_mesh(own, mesh, (EVERYWHERE, FRAMES), FRAMES))


def chunks(
    decode: Callable, parameters: Any, latents: np.ndarray, mesh: Mesh, count: int
) -> Iterator[np.ndarray]:
    """Pixels of latents (n, h, w, C), `count` frames at a time and what is left. The next chunk is
    on its way while one is looked at."""
    waiting = None
    for first in range(0, len(latents), count):
        part = filled(latents[first : first + count], count)
        coming = decode(parameters, place(mesh, FRAMES, part[None]))
        if waiting is not None:
            yield np.asarray(waiting)[0]
        waiting = coming
    if waiting is not None:
        yield np.asarray(waiting)[0, : len(latents) - first]


def filled(x: np.ndarray, count: int) -> np.ndarray:
    """x (n, ...) as (count, ...): the last one stands for those that are missing."""
    pads = [(0, count - len(x))] + [(0, 0)] * (x.ndim - 1)
    return np.pad(x, pads, mode="edge")


def frames_at(x: Array, places: list[int]) -> np.ndarray:
    """Frames (n, ...) of x (1, F, ...) by position, each fetched from the device that holds it."""
    clips = _by_clip(x)
    length = clips[0].shape[1]
    return np.stack([np.asarray(clips[n // length][0, n % length]) for n in places])


def _by_clip(x: Array) -> list[Array]:
    """What each clip's device holds, one copy of each."""
    shards = [shard for shard in x.addressable_shards if shard.replica_id == 0]
    return [shard.data for shard in sorted(shards, key=lambda shard: shard.index[1].start or 0)]
