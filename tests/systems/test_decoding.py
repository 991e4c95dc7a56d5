"""Pixels: the same bytes whatever device decodes them, each frame once and in order."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from vinf_jax.parallel.mesh import FRAMES, make_mesh, on_mesh, place
from vinf_jax.systems.video_infinity.decoding import (
    chunk_starts,
    frames_at,
    in_order,
    to_bytes,
)


@pytest.mark.parametrize(
    ("frames", "clips", "groups", "size"),
    [(7, 2, 1, 3), (11, 4, 2, 2), (9, 8, 1, 2), (5, 1, 1, 4), (6, 3, 2, 2)],
)
def test_chunks_come_in_the_order_of_frames(frames, clips, groups, size):
    """Clips of padding only, last chunks that overlap, copies in two guidance groups."""
    length = -(-frames // clips)
    mesh = make_mesh(clips, groups)
    numbers = np.arange(clips * length, dtype=np.uint8)[None, :, None, None, None]
    video = place(mesh, FRAMES, np.broadcast_to(numbers, (1, clips * length, 2, 2, 3)))
    starts = chunk_starts(length, size)
    chunks = [
        on_mesh(lambda x, first=first: x[:, first : first + size], mesh, FRAMES, FRAMES)(video)
        for first in starts
    ]
    pieces = list(in_order(chunks, starts, length, frames))
    assert [start for start, _ in pieces] == [int(pixels[0, 0, 0, 0]) for _, pixels in pieces]
    np.testing.assert_array_equal(
        np.concatenate([pixels for _, pixels in pieces])[:, 0, 0, 0], np.arange(frames)
    )
    chosen = [0, frames // 2, frames - 1]
    np.testing.assert_array_equal(frames_at(video, chosen)[:, 0, 0, 0], chosen)


def test_bytes_are_rounded_and_cut():
    values = jnp.array([-3.0, -1.0, -0.0, 1 / 127.5, 1.0, 9.0])
    np.testing.assert_array_equal(to_bytes(values), [0, 0, 128, 128, 255, 255])
    assert PartitionSpec(None, "clip") == FRAMES
