"""Pixels: each frame once and in order, on any devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.products import precisions
from tests.tiny import tiny_network
from vinf_jax.nn.parameters import split
from vinf_jax.nn.pixels import to_bytes
from vinf_jax.parallel.mesh import EVERYWHERE, FRAMES, make_mesh, on_mesh, place
from vinf_jax.systems.video_infinity.decoding import (
    chunks,
    filled,
    frames_at,
    latents,
    picture,
)


@pytest.mark.parametrize(
    ("frames", "devices", "each"), [(7, 2, 3), (11, 4, 2), (3, 4, 1), (8, 1, 4)]
)
def test_chunks_come_in_the_order_of_frames(frames, devices, each):
    """Last chunks that are not full, devices that have nothing left to do."""
    mesh, seen = make_mesh(devices), []
    count = devices * each
    decode = jax.jit(on_mesh(lambda scale, x: x * scale, mesh, (EVERYWHERE, FRAMES), FRAMES))

    def watched(parameters, latents):
        seen.append(latents.sharding.shard_shape(latents.shape)[1])
        return decode(parameters, latents)

    numbers = np.arange(frames)[:, None, None, None]
    pieces = list(chunks(watched, np.int32(10), numbers, mesh, count))
    assert [len(piece) for piece in pieces[:-1]] == [count] * (len(pieces) - 1)
    np.testing.assert_array_equal(np.concatenate(pieces), 10 * numbers)
    assert set(seen) == {each}


def test_the_next_chunk_is_on_its_way_while_one_is_looked_at():
    mesh, events = make_mesh(1), []

    def decode(parameters, latents):
        events.append(f"sent {int(latents[0, 0, 0, 0, 0]) // 2}")
        return latents

    numbers = np.arange(7)[:, None, None, None]
    for n, _ in enumerate(chunks(decode, None, numbers, mesh, 2)):
        events.append(f"seen {n}")
    wanted = "sent 0, sent 1, seen 0, sent 2, seen 1, sent 3, seen 2, seen 3"
    assert events == wanted.split(", ")


def test_frames_are_fetched_by_position():
    """Clips of padding only, copies in two guidance groups."""
    numbers = filled(np.arange(5), 8)[None]
    assert numbers.tolist() == [[0, 1, 2, 3, 4, 4, 4, 4]]
    video = place(make_mesh(4, 2), FRAMES, numbers)
    np.testing.assert_array_equal(frames_at(video, [0, 2, 4]), [0, 2, 4])


def test_bytes_are_rounded_and_cut():
    values = jnp.array([-3.0, -1.0, -0.0, 1 / 127.5, 1.0, 9.0])
    np.testing.assert_array_equal(to_bytes(values), [0, 0, 128, 128, 255, 255])


def test_bytes_of_bfloat16_are_rounded_once():
    values = jnp.linspace(-1, 1, 301).astype(jnp.bfloat16)
    np.testing.assert_array_equal(to_bytes(values), to_bytes(values.astype(jnp.float32)))


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_pixels_are_computed_in_the_precision_of_the_weights(dtype):
    graph, weights = split(tiny_network("autoencoder", dtype=jnp.dtype(dtype)))
    noise, pixels = jnp.zeros((2, 4, 4, 4)), jnp.zeros((2, 32, 32, 3), jnp.uint8)
    assert precisions(picture(graph, 0.5), weights, noise) == {dtype}
    assert precisions(latents(graph, 0.5), weights, pixels) == {dtype}
