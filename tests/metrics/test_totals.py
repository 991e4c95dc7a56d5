"""Totals of a video's measures, and intervals of means over videos."""

import numpy as np
import pytest

from tests.tolerances import FP64
from vinf_jax.metrics.bootstrap import interval, resamples
from vinf_jax.metrics.totals import BETTER, TERMS, agreement, terms, totals

PERFECT = {"seams": 1.0, "flicker": 0.0, "drift": 0.0, "identity": 1.0, "following": 1.0}
PERFECT |= {"motion": 2.0, "motion wanted": 2.0}


def test_a_perfect_video_has_one():
    assert totals(PERFECT) == {"total": 1, "without motion": 1}
    assert set(terms(PERFECT)) == set(TERMS) and set(TERMS) < set(BETTER)


def test_stillness_wins_only_without_motion():
    found = totals(PERFECT | {"motion": 0.0})
    assert found["without motion"] == 1 and found["total"] < 0.9


def test_what_should_rest_is_not_asked_to_move():
    rests = PERFECT | {"motion wanted": 0.0}
    assert terms(rests | {"motion": 0.0})["motion"] == 1
    assert terms(rests)["motion"] < 0.2
    unknown = PERFECT | {"motion wanted": None}
    assert [terms(unknown | {"motion": m})["motion"] for m in (0.0, 0.5, 9.0)] == [0, 0.5, 1]


@pytest.mark.parametrize("name", ["seams", "flicker", "drift", "identity", "following"])
def test_every_measure_that_gets_worse_makes_the_total_worse(name):
    worse = PERFECT | {name: PERFECT[name] - BETTER[name] * 0.5}
    assert totals(worse)["total"] < totals(PERFECT)["total"]


def test_joins_that_change_less_than_the_rest_gain_nothing():
    assert terms({"seams": 0.5}) == {"seams": 1} and terms({"seams": 2.0}) == {"seams": 0.5}


def test_what_was_not_measured_is_left_out():
    assert totals({"drift": 0.25, "seams": None}) == {"total": 0.75, "without motion": 0.75}
    assert totals({}) == {"total": None, "without motion": None}


def test_agreement_is_the_same_both_ways():
    assert agreement(1, 3) == agreement(3, 1) < agreement(2, 3) < agreement(3, 3) == 1


def test_resamples_are_the_same_for_the_same_seed_and_weigh_one():
    prompts = [n for n in range(5) for _ in range(3)]
    weights = resamples(prompts, seed=1, draws=50)
    assert weights.shape == (50, 15) and np.allclose(weights.sum(1), 1)
    assert np.array_equal(weights, resamples(prompts, seed=1, draws=50))
    assert not np.array_equal(weights, resamples(prompts, seed=2, draws=50))


def test_seeds_of_a_prompt_are_drawn_with_it():
    prompts = [0] * 3 + [1]  # the second prompt has one seed only
    weights = resamples(prompts, draws=400)
    assert set(np.round(weights[:, 3], 6)) == {0, 0.5, 1}
    assert weights[:, :3].mean() == pytest.approx(1 / 6, abs=0.02)


def test_the_interval_is_that_of_means_of_prompts():
    rng = np.random.default_rng(0)
    prompts = np.arange(60).repeat(4)
    values = rng.standard_normal(60)[prompts] + 3  # seeds of a prompt are all alike
    low, high = interval(values, resamples(list(prompts)))
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(60), rel=0.15)
    assert interval([2.0] * 240, resamples(list(prompts))) == pytest.approx((2, 2), abs=FP64)
