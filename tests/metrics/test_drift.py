"""Drift, of videos whose right score is known."""

import numpy as np
import pytest

from tests.tolerances import FP64, OP
from vinf_jax.media.captions import Facts, parse
from vinf_jax.media.sprites import clip
from vinf_jax.metrics.drift import describe, drift

RED = parse("a red square moves right over a plain gray background")
MOVES = clip(RED, frames=48)
BLUE = clip(Facts("blue", "circle", "white", "plain", "rests"), frames=24)


def drifting():
    """Half of the light is gone in the end."""
    left = np.linspace(1, 0.5, 48)[:, None, None, None]
    return (MOVES * left).astype(np.uint8)


def test_a_still_video_does_not_drift():
    assert drift(MOVES[:1].repeat(40, axis=0), 8) == [pytest.approx([0] * 4, abs=OP)]


def test_what_moves_loops_or_is_shuffled_hardly_drifts():
    order = np.random.default_rng(0).permutation(48)
    for video in (MOVES, np.concatenate([MOVES[:8]] * 6), MOVES[order]):
        assert max(drift(video, 8)[0]) < 0.03


def test_a_loop_of_whole_seconds_does_not_drift_at_all():
    assert drift(np.concatenate([MOVES[:8]] * 4), 8) == [pytest.approx([0] * 3, abs=OP)]


def test_what_drifts_goes_farther_every_second():
    found = drift(drifting(), 8)[0]
    assert len(found) == 5
    assert np.all(np.diff(found) > 0.005) and found[-1] > 0.2


def test_a_cut_is_far_from_then_on():
    found = drift(np.concatenate([MOVES[:24], BLUE]), 8)[0]
    assert max(found[:2]) < 0.03 and min(found[2:]) > 0.3


def test_every_part_begins_anew():
    both = np.concatenate([MOVES[:24], BLUE])
    found = drift(both, 8, [(0, 24), (24, 48)])
    assert [len(part) for part in found] == [2, 2]
    assert max(map(max, found)) < 0.03


def test_seconds_that_are_not_whole_do_not_count():
    assert [len(part) for part in drift(MOVES[:23], 8)] == [1]
    assert drift(MOVES[:8], 8) == [[]] and len(drift(MOVES[:20], 0.5)[0]) == 19


def test_distributions_are_of_all_pixels_wherever_they_are():
    seen = describe(MOVES[:1])
    assert seen.shape == (2, 64) and seen.sum(1) == pytest.approx([1, 1], abs=OP)
    assert describe(np.roll(MOVES[:1], 9, axis=2))[0] == pytest.approx(seen[0], abs=OP)


def test_black_and_white_are_as_far_apart_as_can_be():
    black, white = np.zeros((2, 4, 4, 3), np.uint8), np.full((2, 4, 4, 3), 255, np.uint8)
    # all colours change places, no edge does
    assert drift(np.concatenate([black, white]), 2) == [pytest.approx([0.5], abs=FP64)]


def test_shades_between_bins_are_shared():
    one = np.full((1, 2, 2, 3), 85, np.uint8)  # exactly the second level of four
    assert describe(one)[0].max() == pytest.approx(1, abs=OP)
    assert np.sort(describe(one + np.uint8(17))[0])[-1] == pytest.approx(0.8**3, abs=OP)


def test_large_frames_are_read_every_few_pixels():
    large = MOVES[:2].repeat(4, axis=1).repeat(4, axis=2)
    assert describe(large)[0] == pytest.approx(describe(MOVES[:2])[0], abs=OP)
