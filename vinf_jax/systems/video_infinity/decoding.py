"""Latents to pixels: every device decodes its own clip, a few frames at a time, and pixels leave
the devices as bytes, one after the other in the order of the frames."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.sharding import Mesh

from vinf_jax.nn.parameters import merge
from vinf_jax.parallel.mesh import EVERYWHERE, FRAMES, on_mesh

CHUNK = 8
"""Frames that a device decodes at once: the bound on its memory."""


def picture(graph: Any, scale: float) -> Callable[[Any, Array], Array]:
    """(parameters, latents (N, h, w, C)) -> uint8 pixels (N, H, W, 3), on one device."""

    def decode(parameters: Any, latents: Array) -> Array:
        return to_bytes(merge(graph, parameters).decode(latents / scale))

    return decode


def chunk_decoder(graph: Any, scale: float, mesh: Mesh, size: int) -> jax.stages.Wrapped:
    """(parameters, latents (1, F, h, w, C), first) -> uint8 (1, clips x size, H, W, 3): of every
    clip the `size` frames from its frame `first` on, each on the device that holds it."""
    decode = picture(graph, scale)

    def own(parameters: Any, latents: Array, first: Array) -> Array:
        return decode(parameters, lax.dynamic_slice_in_dim(latents[0], first, size))[None]

    return jax.jit(on_mesh(own, mesh, (EVERYWHERE, FRAMES, EVERYWHERE), FRAMES))


def to_bytes(images: Array) -> Array:
    """Pictures in [-1, 1] as uint8; what lies beyond is cut off."""
    return jnp.round((jnp.clip(images, -1, 1) + 1) * 127.5).astype(jnp.uint8)


def chunk_starts(length: int, size: int) -> list[int]:
    """Where chunks of `size` begin in a clip of `length`; the last may overlap the one before."""
    return [min(first, length - size) for first in range(0, length, size)]


def in_order(
    chunks: list[Array], starts: list[int], length: int, frames: int
) -> Iterator[tuple[int, np.ndarray]]:
    """(first frame, pixels (n, H, W, 3)) of decoded chunks, clip by clip, padding left out."""
    held = [by_clip(chunk) for chunk in chunks]
    for clip in range(len(held[0])):
        done = 0
        for first, parts in zip(starts, held, strict=True):
            number = clip * length + done
            stop = min(first + parts[clip].shape[1], frames - clip * length)
            if stop > done:
                yield number, np.asarray(parts[clip])[0, done - first : stop - first]
            done = max(done, stop)


def frames_at(x: Array, numbers: list[int]) -> np.ndarray:
    """Frames (n, ...) of x (1, F, ...) by number, each fetched from the device that holds it."""
    clips = by_clip(x)
    length = clips[0].shape[1]
    return np.stack([np.asarray(clips[n // length][0, n % length]) for n in numbers])


def by_clip(chunk: Array) -> list[Array]:
    """What each clip's device holds, one copy of each."""
    shards = [shard for shard in chunk.addressable_shards if shard.replica_id == 0]
    return [shard.data for shard in sorted(shards, key=lambda shard: shard.index[1].start or 0)]
