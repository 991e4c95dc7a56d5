"""Distances whose right answer is known, and statistics that come a few at a time."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tolerances import FP64, OP
from vinf_jax.metrics.frechet import (
    PROTOCOLS,
    SIDE,
    STYLEGANV,
    VIDEOGPT,
    Statistics,
    distance,
    gathered,
    short_side,
    whole,
)
from vinf_jax.metrics.moments import Moments

BOTH = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)


def drawn(seed, count=60, size=7):
    rng = np.random.default_rng(seed)
    return 3 + rng.normal(size=(count, size)) @ rng.normal(size=(size, size))


def statistics(rows, protocol=STYLEGANV, **more):
    made = {"features": "rows", "frames": 16, "resolution": "8x8"} | more
    return Statistics(protocol, moments=Moments.of(rows), **made)


def between(rows, other, protocol):
    return distance(statistics(rows, protocol), statistics(other, protocol))


@BOTH
def test_equal_sets_are_not_apart(protocol):
    rows = drawn(0)
    assert abs(between(rows, rows[::-1], protocol)) < FP64


@BOTH
def test_a_shift_counts_by_its_square(protocol):
    rows, shift = drawn(1), np.arange(7.0)
    assert abs(between(rows, rows + shift, protocol) - np.sum(shift**2)) < FP64


@BOTH
def test_a_scale_counts_by_the_covariance(protocol):
    """Of s x with mean 0: tr S + s^2 tr S - 2 s tr S."""
    rows = drawn(2)
    rows -= rows.mean(0)
    spread = np.trace(Moments.of(rows).covariance(unbiased=protocol.unbiased))
    assert abs(between(rows, 2.5 * rows, protocol) - 1.5**2 * spread) < FP64 * spread


def test_protocols_differ_by_the_covariance():
    rows = drawn(3, count=10)
    rows -= rows.mean(0)
    first, second = (between(rows, 2 * rows, protocol) for protocol in (STYLEGANV, VIDEOGPT))
    assert abs(second / first - 10 / 9) < FP64


@BOTH
def test_it_is_what_sqrtm_says(protocol):
    """scipy comes with jax."""
    from scipy.linalg import sqrtm

    rows, other = drawn(4), drawn(5, count=80)
    one, two = (np.cov(x.T, bias=not protocol.unbiased) for x in (rows, other))
    apart = np.sum((rows.mean(0) - other.mean(0)) ** 2)
    want = apart + np.trace(one + two - 2 * np.real(sqrtm(one @ two)))
    assert abs(between(rows, other, protocol) - want) < FP64 * want


@BOTH
def test_fewer_clips_than_features(protocol):
    """One clip against one with biased covariance: only means are left."""
    rows, other = drawn(6, count=3), drawn(7, count=4)
    assert between(rows, other, protocol) > 0
    assert abs(between(rows, rows, protocol)) < OP
    if not protocol.unbiased:
        want = np.sum((rows[0] - other[0]) ** 2)
        assert abs(between(rows[:1], other[:1], protocol) - want) < FP64 * want
    else:
        with pytest.raises(ValueError, match="give 2 or more"):
            between(rows[:1], other, protocol)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.sampled_from([0.0, 1e6]))
def test_streamed_is_whole(sizes, mean):
    """In batches of any size, also far away from 0."""
    rows = mean + drawn(8, count=sum(sizes))
    parts = np.split(rows, np.cumsum(sizes)[:-1])
    streamed, at_once = gathered(parts), Moments.of(rows)
    assert streamed.count == at_once.count == len(rows)
    assert np.abs(streamed.mean - at_once.mean).max() < FP64 * max(1, mean)
    if len(rows) > 1:
        want = np.cov(rows.T)
        assert np.abs(streamed.covariance(unbiased=True) - want).max() < OP * np.abs(want).max()


@given(st.integers(0, 99), st.integers(2, 20))
def test_it_is_a_distance(seed, count):
    rows, other = drawn(seed, count), drawn(seed + 1, count + 1)
    for protocol in PROTOCOLS.values():
        there, back = between(rows, other, protocol), between(other, rows, protocol)
        assert there > 0 and abs(there - back) < OP * there


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"protocol": VIDEOGPT}, "protocol is 'styleganv' and 'videogpt'"),
        ({"frames": 128}, "frames is 16 and 128"),
        ({"features": "i3d"}, "features is 'rows' and 'i3d'"),
        ({"resolution": "9x9"}, "resolution is '8x8' and '9x9'"),
    ],
)
def test_sets_of_another_making_are_refused(more, said):
    made = statistics(drawn(0))
    with pytest.raises(ValueError, match=said):
        distance(made, dataclasses.replace(made, **more))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.zeros((0, 3)), "1 row or more"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.array([[1.0], [np.nan]]), r"clips \[1\] are not finite"),
    ],
)
def test_bad_features_are_refused(rows, said):
    with pytest.raises(ValueError, match=said):
        gathered([np.ones((2, rows.shape[-1])), rows] if rows.ndim == 2 else [rows])
    with pytest.raises(ValueError, match="no clip"):
        gathered([])


def test_what_i3d_sees():
    """The whole frame squeezed, or its middle square; equal for squares; in [-1, 1]."""
    frames = np.zeros((1, 1, 28, 42, 3), np.uint8)
    frames[..., 7:35, :] = 255
    cropped, squeezed = (np.asarray(p.seen(frames)) for p in (VIDEOGPT, STYLEGANV))
    assert cropped.shape == squeezed.shape == (1, 1, SIDE, SIDE, 3)
    assert cropped[..., 8:-8, :].min() == 1 and squeezed.min() == -1
    row = squeezed[0, 0, 0, :, 0]
    assert abs((row > 0).mean() - 28 / 42) < 0.01
    square = frames[..., :28, :].astype(np.float32)
    assert np.array_equal(whole(jnp.asarray(square)), short_side(jnp.asarray(square)))


def test_a_tall_frame_keeps_its_middle():
    frames = np.zeros((40, 20, 3), np.float32)
    frames[10:30] = 1
    assert short_side(jnp.asarray(frames)).shape == (SIDE, SIDE, 3)
    assert np.asarray(short_side(jnp.asarray(frames)))[8:-8].min() == 1
