"""Meshes, and what cannot be one."""

import jax
import numpy as np
import pytest

from vinf_jax.parallel.mesh import (
    CLIP,
    FRAMES,
    GUIDANCE,
    clips_here,
    local_clips,
    make_mesh,
    on_mesh,
    own_frames,
    place,
)


def test_axes_are_guidance_and_clips():
    assert dict(make_mesh(4, 2).shape) == {GUIDANCE: 2, CLIP: 4}
    assert dict(make_mesh(3).shape) == {GUIDANCE: 1, CLIP: 3}
    assert list(make_mesh(2, devices=jax.devices()[5:]).devices.flat) == jax.devices()[5:7]


def test_frames_lie_on_clips_and_in_both_guidance_groups():
    x = place(make_mesh(4, 2), FRAMES, np.arange(16).reshape(2, 8))
    assert [shard.data.shape for shard in x.addressable_shards] == [(2, 2)] * 8
    double = on_mesh(lambda part: 2 * part, make_mesh(4, 2), FRAMES, FRAMES)
    np.testing.assert_array_equal(double(x), 2 * np.arange(16).reshape(2, 8))
    np.testing.assert_array_equal(own_frames(x), np.arange(16).reshape(2, 8))
    assert clips_here(make_mesh(4, 2)) == clips_here(make_mesh(4, 2), group=0) == range(4)


def test_both_halves_of_a_clip_lie_side_by_side():
    grid = make_mesh(4, 2).devices
    assert [[device.id for device in clip] for clip in grid.T] == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_all_devices_of_a_process_may_be_clips():
    assert dict(local_clips(make_mesh(3, 2)).shape) == {GUIDANCE: 1, CLIP: 6}


@pytest.mark.parametrize(
    "clips, guidance, message",
    [
        (0, 1, "clips: 0"),
        (9, 1, "there are 8; use at most 8 clips"),
        (5, 2, "use at most 4 clips"),
        (2, 3, "guidance: 3"),
    ],
)
def test_what_does_not_fit_is_refused(clips, guidance, message):
    with pytest.raises(ValueError, match=message):
        make_mesh(clips, guidance)
