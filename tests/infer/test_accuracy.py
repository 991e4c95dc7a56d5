"""Rates, their intervals, and what the judge's reading says about prompts."""

import math

import numpy as np
import pytest

from infer.accuracy import (
    Rate,
    away,
    clip_answers,
    difference,
    frame_answers,
    rates,
    wilson,
)
from vinf_jax.media.captions import Facts, caption, parse
from vinf_jax.media.judge import judge
from vinf_jax.media.sprites import clip

FACTS = Facts("red", "square", "black", "striped", "moves left")


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 20, 0.0, 0.1611), (61, 64, 0.8710, 0.9839), (0, 0, 0, 1)],
)
def test_intervals_are_wilson_s(right, total, low, high):
    assert wilson(right, total) == pytest.approx((low, high), abs=5e-5)
    mirrored = wilson(total - right, total)
    assert wilson(right, total) == pytest.approx((1 - mirrored[1], 1 - mirrored[0]))


def test_rates_count_only_what_was_asked():
    answers = [{"colour": True, "motion": False}, {"colour": False}, {"colour": True}]
    found = rates(answers, {"colour": 0.5, "shape": 0.8})
    assert found == {"colour": Rate(2, 3, 0.5), "shape": Rate(0, 0, 0.8), "motion": Rate(0, 1)}
    assert found["colour"].reached and found["motion"].reached
    assert not found["shape"].reached  # nobody was asked, so nothing was shown
    assert not Rate(79, 100, 0.8).reached and Rate(80, 100, 0.8).reached


def test_clips_of_the_world_are_right():
    frames = clip(FACTS, seed=1)
    answers = clip_answers(frames, caption(FACTS), 8)
    assert answers == dict.fromkeys(("colour", "shape", "motion", "background", "direction"), True)


@pytest.mark.parametrize(
    ("prompt", "wrong"),
    [
        ("a blue square moves left over a striped black background", {"colour"}),
        ("a red circle moves left over a striped black background", {"shape"}),
        ("a red square moves left over a checkered black background", {"background"}),
        ("a red square moves left over a striped white background", {"background"}),
        ("a red square moves right over a striped black background", {"motion", "direction"}),
        ("a red square rests over a striped black background", {"motion"}),
        ("a red square", set()),
    ],
)
def test_other_prompts_are_wrong_in_what_differs(prompt, wrong):
    answers = clip_answers(clip(FACTS, seed=1), prompt, 8)
    assert {name for name, right in answers.items() if not right} == wrong


def test_frames_answer_one_by_one():
    other = Facts("blue", "square", "black", "plain", "rests")
    video = np.concatenate([clip(FACTS, frames=3), clip(other, frames=2)])
    answers = frame_answers(judge(video), parse("a red square on a black background"))
    assert [answer["colour"] for answer in answers] == [True] * 3 + [False] * 2
    assert all(answer["shape"] and answer["background"] for answer in answers)
    assert [answer["all three"] for answer in answers] == [True] * 3 + [False] * 2


def test_cross_fades_are_left_out():
    assert away([(0, 96), (96, 192)], 16) == [(0, 88), (104, 192)]
    assert away([(0, 5), (5, 9), (9, 12)], 3) == [(0, 3), (6, 7), (10, 12)]
    assert away([(0, 5)], 8) == [(0, 5)]
    assert away([(0, 5), (5, 9)], 0) == [(0, 5), (5, 9)]


def test_difference_is_the_worst_pixel_and_the_psnr():
    frames = np.full((2, 4, 4, 3), 250, np.uint8)
    other = frames.copy()
    assert difference(frames, other) == (0, math.inf)
    other[1, 2, 3, 0] = 240
    worst, psnr = difference(frames, other)
    assert worst == 10 and psnr == pytest.approx(10 * math.log10(255**2 * 96 / 100))
