"""Prompts as a timeline of frame ranges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tolerances import EXACT, FP64
from vinf_jax.systems.video_infinity.prompts import (
    even_ranges,
    frame_text,
    longest_crossfade,
    prompt_weights,
    timeline_troubles,
    wave_text,
)


@given(st.integers(1, 6), st.integers(6, 50), st.integers(0, 60))
def test_every_frame_has_one_whole_prompt_in_all(count, frames, crossfade):
    ranges = even_ranges(count, frames)
    crossfade = min(crossfade, longest_crossfade(ranges))
    assert timeline_troubles(count, frames, ranges, crossfade) == []
    weights = prompt_weights(ranges, crossfade)
    assert weights.shape == (frames, count)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(1), 1, atol=FP64)
    assert (np.diff(weights @ np.arange(count)) >= 0).all()


def test_a_hard_cut_and_a_linear_fade():
    ranges = [(0, 6), (6, 10)]
    np.testing.assert_array_equal(prompt_weights(ranges, 0)[:, 1], [0] * 6 + [1] * 4)
    fade = prompt_weights(ranges, 4)[:, 1]
    np.testing.assert_allclose(fade, [0, 0, 0, 0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1, 1], atol=FP64)


def test_no_prompt_fades_at_a_cut():
    ranges = [(0, 6), (6, 12), (12, 20)]
    hard, soft = prompt_weights(ranges, 0), prompt_weights(ranges, 4)
    mixed = prompt_weights(ranges, 4, cuts=(6,))
    np.testing.assert_array_equal(mixed[:9], hard[:9])
    np.testing.assert_array_equal(mixed[9:], soft[9:])


def test_a_wave_has_the_text_of_its_frames():
    ranges, numbers = [(0, 6), (6, 10)], np.array([9, 4, 5])
    weights = prompt_weights(ranges, 4)
    np.testing.assert_array_equal(prompt_weights(ranges, 4, numbers), weights[numbers])
    encoded = np.random.default_rng(0).standard_normal((3, 5, 2))
    halves = wave_text(encoded, ranges, 4, numbers)
    assert halves.shape == (2, 1, 3, 5, 2)
    np.testing.assert_array_equal(halves[1, 0], frame_text(encoded[:2], weights[numbers]))
    np.testing.assert_array_equal(halves[0, 0], [encoded[2]] * 3)
    np.testing.assert_array_equal(
        wave_text(encoded[::2], [(0, 10)], 0, numbers), encoded[[2, 0]][:, None]
    )
    assert wave_text(encoded[:1], [(0, 10)], 0, numbers).shape == (1, 1, 5, 2)


@given(st.integers(2, 5), st.integers(5, 30))
def test_a_frame_far_from_the_boundaries_knows_no_fade(count, frames):
    ranges = even_ranges(count, frames)
    crossfade = longest_crossfade(ranges)
    plain, faded = prompt_weights(ranges, 0), prompt_weights(ranges, crossfade)
    edges = np.array([start for start, _ in ranges[1:]])
    off = np.abs(np.arange(frames)[:, None] + 0.5 - edges).min(1) >= crossfade / 2
    np.testing.assert_array_equal(plain[off], faded[off])


def test_text_of_frames_is_mixed_and_whole_prompts_stay_to_the_bit():
    encoded = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    text = frame_text(encoded, np.array([[1, 0], [0.25, 0.75], [0, 1]]))
    assert text.dtype == np.float32
    np.testing.assert_allclose(text[0], encoded[0], atol=EXACT)
    np.testing.assert_allclose(text[2], encoded[1], atol=EXACT)
    np.testing.assert_allclose(text[1], 0.25 * encoded[0] + 0.75 * encoded[1], atol=1e-6)


@pytest.mark.parametrize(
    ("count", "frames", "ranges", "crossfade", "words"),
    [
        (3, 2, None, None, ["3 prompts for 2 frames"]),
        (2, 10, [(0, 10)], None, ["1 ranges for 2 prompts"]),
        (2, 10, [(0, 4), (5, 10)], None, ["frames 4-5 belong to no prompt"]),
        (2, 10, [(0, 6), (5, 10)], None, ["5-10 begins before 6"]),
        (2, 10, [(0, 5), (5, 9)], None, ["end at frame 9", "10 frames"]),
        (2, 10, [(0, 5), (5, 5)], None, ["5-5 holds no frame", "end at frame 5"]),
        (2, 10, None, 11, ["crossfade: 11", "at most 10"]),
        (3, 9, None, 4, ["crossfade: 4", "at most 3"]),
        (2, 10, None, -1, ["crossfade: -1"]),
        (1, 10, [(2, 12), (0, 1)], -3, ["2 ranges", "0-2", "begins before", "crossfade: -3"]),
    ],
)
def test_troubles_name_what_does_not_fit(count, frames, ranges, crossfade, words):
    message = "; ".join(timeline_troubles(count, frames, ranges, crossfade))
    assert all(word in message for word in words), message
