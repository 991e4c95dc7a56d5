"""Sharded answers every question as Whole does: any frame count, clip count, width and end."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.parallel.clips import on_devices, quickly, simulated
from tests.tolerances import EXACT, FP64, OP
from vinf_jax.parallel.timeline import NOWHERE, Whole, clip_length, spread

FRAMES, CLIPS = st.integers(1, 24), st.integers(1, 8)
ends = [example(frames=f, clips=c) for f, c in [(1, 8), (5, 4), (8, 8), (7, 3), (9, 1)]]


def cases(test):
    test = settings(max_examples=5)(given(frames=FRAMES, clips=CLIPS)(test))
    for end in ends:
        test = end(test)
    return test


def video(frames, *more):
    return np.random.default_rng(frames).standard_normal((2, frames, *(more or (3,))))


def same_everywhere(verb, frames, clips, run=simulated, tolerance=EXACT):
    x = video(frames)
    whole = np.asarray(quickly(lambda x: verb(Whole(), x))(x))
    for clip in np.asarray(run(verb, x, clips)):
        assert clip.shape == whole.shape
        assert np.abs(clip - whole).max(initial=0) <= tolerance


def halo_agrees(frames, clips, width, fill, run=simulated):
    x = video(frames)
    length = clip_length(frames, clips)
    out = np.asarray(run(lambda line, part: line.halo(part, width, fill), x, clips))
    around = np.asarray(quickly(lambda x: Whole().halo(x, width + length * clips, fill))(x))
    for clip, part in enumerate(out):
        start = (clips + clip) * length
        np.testing.assert_array_equal(part, around[:, start : start + length + 2 * width])


@given(frames=FRAMES, clips=CLIPS, width=st.integers(0, 30), fill=st.sampled_from([0.0, -7.0]))
@example(frames=5, clips=4, width=1, fill=0.0)
@example(frames=5, clips=4, width=9, fill=3.0)
@example(frames=3, clips=8, width=2, fill=0.0)
@example(frames=6, clips=1, width=8, fill=0.0)
def test_halo(x64, frames, clips, width, fill):
    halo_agrees(frames, clips, width, fill)


def test_a_margin_and_its_zeros_are_the_halo(x64):
    def filled_up(line, part):
        x, zeros = line.margin(part, 2)
        return Whole().halo(x, zeros)

    x = jnp.asarray(video(5))
    around = Whole().halo(x, 2)
    assert Whole().margin(x, 2)[0] is x
    np.testing.assert_array_equal(filled_up(Whole(), x), around)
    for clip, part in enumerate(np.asarray(simulated(filled_up, x, 3))):
        wanted = np.pad(around, ((0, 0), (0, 1), (0, 0)))[:, 2 * clip : 2 * clip + 6]
        np.testing.assert_array_equal(part, wanted)


@given(frames=FRAMES, clips=CLIPS, near=st.integers(0, 9), far=st.integers(0, 6))
@example(frames=5, clips=4, near=2, far=3)
@example(frames=6, clips=1, near=8, far=2)
def test_reached_frames_lie_where_places_say(x64, frames, clips, near, far):
    """Neighbours that are there, and the picked frames."""

    def found(line, part):
        def pick(y):
            return line.sample(y, far)

        length = part.shape[1]
        numbers = line.first_frame(length) + jnp.arange(length)[None]
        parts = jnp.concatenate(line.reached(part, near, pick), axis=1)
        around, picked = line.places(length, near, pick)
        there = line.halo(numbers, near, NOWHERE)[0] != NOWHERE
        near_ones = jnp.where(there[:, None], jnp.take(parts, around, axis=1), 0)
        wanted = line.halo(part, near), pick(part)
        got = near_ones, jnp.take(parts, picked, axis=1)
        return jnp.concatenate([*wanted, *got], axis=1)

    x = video(frames)
    for out in [quickly(lambda x: found(Whole(), x))(x), *simulated(found, x, clips)]:
        wanted, got = np.split(np.asarray(out), 2, axis=1)
        np.testing.assert_array_equal(got, wanted)


def test_halo_of_numbers_is_filled_with_numbers(x64):
    numbers = np.arange(5)[None]
    out = simulated(lambda line, part: line.halo(part, 2, NOWHERE), numbers, 4, poison=99)
    expected = [
        [NOWHERE, NOWHERE, 0, 1, 2, 3],
        [0, 1, 2, 3, 4, NOWHERE],
        [2, 3, 4, NOWHERE, NOWHERE, NOWHERE],
        [4, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE],
    ]
    np.testing.assert_array_equal(out[:, 0], expected)


@cases
def test_moments(x64, frames, clips):
    def moments(line, part):
        return jnp.concatenate(line.moments(part, part**2), axis=1)

    same_everywhere(moments, frames, clips, tolerance=FP64)


def test_moments_are_those_of_all_values(x64):
    x = video(7, 50, 3) + 5
    mean, variance = Whole().moments(jnp.asarray(x.mean(2)), jnp.asarray(x.var(2)))
    assert np.abs(mean[:, 0] - x.mean((1, 2))).max() < FP64
    assert np.abs(variance[:, 0] - x.var((1, 2))).max() < FP64


@pytest.mark.parametrize("clips", [1, 3, 8])
def test_moments_survive_a_large_mean_in_float32(clips):
    x = (video(10, 64, 3) + 1e4).astype(np.float32)

    def variance(line, part):
        return line.moments(part.mean(2), part.var(2))[1]

    exact = x.astype(float).var((1, 2))
    assert np.abs(np.asarray(simulated(variance, x, clips))[:, :, 0] - exact).max() < 100 * OP


@settings(max_examples=5)
@given(frames=FRAMES, clips=CLIPS)
def test_mean(x64, frames, clips):
    same_everywhere(lambda line, part: line.mean(part), frames, clips, tolerance=FP64)


@given(frames=FRAMES, clips=CLIPS, picks=st.lists(st.integers(0, 99), max_size=9))
def test_take(x64, frames, clips, picks):
    places = [pick % frames for pick in picks]
    same_everywhere(lambda line, part: line.take(part, places), frames, clips)


@cases
def test_pick(x64, frames, clips):
    places = np.random.default_rng(clips).integers(frames, size=frames % 4)
    same_everywhere(lambda line, part: line.pick(part, jnp.asarray(places)), frames, clips)


@given(frames=FRAMES, clips=CLIPS, count=st.integers(0, 30))
@example(frames=20, clips=8, count=3)
def test_sample(x64, frames, clips, count):
    same_everywhere(lambda line, part: line.sample(part, count), frames, clips)


@given(frames=st.integers(1, 99), count=st.integers(0, 40))
def test_spread_is_even_and_begins_with_the_first_frame(frames, count):
    places = spread(frames, count)
    assert len(places) == min(frames, count) and places[:1] == [0][:count]
    steps = np.diff(places)
    assert not len(steps) or (steps.min() >= 1 and steps.max() - steps.min() <= 1)


@cases
def test_anchor_and_gather(x64, frames, clips):
    def both(line, part):
        return jnp.concatenate([line.anchor(part), line.gather(part)], axis=1)

    same_everywhere(both, frames, clips)


@cases
def test_own_takes_the_clip_back_from_the_whole(x64, frames, clips):
    def back(line, part):
        return line.own(line.gather(part), part.shape[1])

    out = np.concatenate(list(np.asarray(simulated(back, video(frames), clips))), axis=1)
    np.testing.assert_array_equal(out[:, :frames], video(frames))
    assert (out[:, frames:] == 0).all()


def test_own_of_a_whole_is_the_whole():
    assert (Whole().own(jnp.arange(6).reshape(2, 3), 3) == jnp.arange(6).reshape(2, 3)).all()


@settings(max_examples=5)
@given(frames=FRAMES, clips=CLIPS)
def test_places(frames, clips):
    def places(line, part):
        length = part.shape[1]
        assert line.total(length) == frames
        return line.first_frame(length), line.real(length)

    first, real = simulated(places, video(frames), clips)
    length = clip_length(frames, clips)
    np.testing.assert_array_equal(first, np.arange(clips) * length)
    np.testing.assert_array_equal(np.ravel(real), np.arange(clips * length) < frames)


@settings(max_examples=3)
@given(frames=FRAMES, clips=CLIPS, width=st.integers(0, 9))
@example(frames=5, clips=4, width=3)
def test_all_verbs_on_devices(x64, frames, clips, width):
    halo_agrees(frames, clips, width, -1.0, on_devices)

    def verbs(line, part):
        mean, variance = line.moments(part, part**2)
        chosen = line.take(part, [frames - 1, 0]), line.sample(part, 3), line.anchor(part)
        back = line.gather(line.own(line.gather(part), part.shape[1]))
        return jnp.concatenate([mean, variance, line.mean(part), *chosen, back], axis=1)

    same_everywhere(verbs, frames, clips, on_devices, FP64)
