"""Scores whose right answer is known, in groups of both protocols."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tolerances import FP64
from vinf_jax.metrics.inception_score import PUBLISHED, STYLEGANV, TGANV2, Score, probabilities


def score(logits, ends, batch=7):
    found = Score(ends)
    for first in range(0, len(logits), batch):
        found.add(logits[first : first + batch])
    return found.result()


def plainly(logits, ends):
    """As it is written down, all at once."""
    scores = []
    for part in np.split(probabilities(logits), ends[:-1]):
        kl = part * (np.log(part) - np.log(part.mean(0)))
        scores.append(np.exp(kl.sum(1).mean()))
    return np.mean(scores), np.std(scores)


def test_sure_of_every_class_alike():
    """One-hot over 8 classes, evenly: 8, in every group."""
    logits = 1e4 * np.eye(8)[np.arange(80) % 8]
    mean, deviation = score(logits, [40, 80])
    assert abs(mean - 8) < FP64 and deviation < FP64


@pytest.mark.parametrize("logits", [np.zeros((30, 5)), np.tile([9.0, 0, 1, 2, 3], (30, 1))])
def test_one_answer_for_everything_scores_1(logits):
    assert np.allclose(score(logits, [10, 20, 30]), (1, 0), atol=FP64)


@given(st.integers(1, 9), st.integers(20, 45), st.integers(0, 9))
def test_streamed_is_whole(batch, count, seed):
    logits = 3 * np.random.default_rng(seed).normal(size=(count, 6))
    ends = STYLEGANV.ends(count, count)
    assert np.abs(np.subtract(score(logits, ends, batch), plainly(logits, ends))).max() < FP64


def test_groups_are_those_of_the_protocols():
    ends = STYLEGANV.ends(PUBLISHED, 5000)
    assert ends[-1] == PUBLISHED and set(np.diff([0, *ends])) == {204, 205}
    assert TGANV2.ends(PUBLISHED, 10**6) == [PUBLISHED * n for n in range(1, 11)]
    assert TGANV2.ends(PUBLISHED, 5000) == [2048, 4096]


def test_small_groups_score_lower():
    """Why figures of the two protocols are not comparable."""
    logits = 4 * np.random.default_rng(0).normal(size=(200, 50))
    together, _ = score(logits, TGANV2.ends(200, 200))
    apart, _ = score(logits, STYLEGANV.ends(200, 200))
    assert apart < 0.8 * together


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: STYLEGANV.ends(9, 100), "styleganv needs 10 or more"),
        (lambda: STYLEGANV.ends(200, 100), "of 100 that there are"),
        (lambda: TGANV2.ends(200, 100), "of 100 that there are"),
        (lambda: TGANV2.ends(0, 100), "tganv2 needs 1 or more"),
        (lambda: score(np.zeros((3, 2)), [2]), "3 clips came, 2 were promised"),
        (lambda: score(np.zeros((1, 2)), [2]), "1 clips came, 2 were promised"),
        (lambda: score(np.full((1, 2), np.nan), [1]), "not finite"),
    ],
)
def test_what_does_not_fit_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()
