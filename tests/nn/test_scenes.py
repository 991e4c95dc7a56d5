"""Scenes: which frames stand for them, what reaches over a cut, who shares statistics."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.parallel.clips import quickly, simulated
from tests.tolerances import EXACT, FP64
from vinf_jax.nn.scenes import Parts, far_frames, links, scene_of
from vinf_jax.parallel.timeline import Whole, spread

NUMBERS = np.array([0, 1, 2, 5, 6, 7, 8, 12, 13])
SCENES = [0, 0, 0, 1, 1, 2, 2, 2, 2]
CUTS = (4, 7)


@given(
    numbers=st.sets(st.integers(0, 60), min_size=1),
    count=st.integers(0, 20),
    cuts=st.sets(st.integers(1, 60), max_size=5),
)
def test_every_scene_offers_as_many_frames_as_the_next(numbers, count, cuts):
    numbers, cuts = np.array(sorted(numbers)), sorted(cuts)
    far = far_frames(numbers, count, cuts)
    assert far == sorted(set(far)) and len(far) == min(count, len(numbers))
    assert far_frames(numbers, count, []) == spread(len(numbers), count)
    scenes = np.searchsorted(cuts, numbers, side="right")
    offered = np.bincount(scenes[far], minlength=len(cuts) + 1)
    sizes = np.bincount(scenes, minlength=len(cuts) + 1)
    more = offered[offered < sizes]  # of scenes that could offer more
    assert not more.size or offered.max() - more.min() <= 1


def test_frames_of_a_scene_are_spread_over_it():
    assert far_frames(np.arange(20), 8, [12]) == [0, 3, 6, 9, 12, 14, 16, 18]
    assert far_frames(np.arange(20), 6, [1, 12]) == [0, 1, 6, 12, 14, 17]


def test_scene_is_found_by_number():
    np.testing.assert_array_equal(scene_of(jnp.asarray(NUMBERS), CUTS), SCENES)


def held(line, length):
    mine = line.own(jnp.asarray(NUMBERS)[None], length)[0]
    return mine, scene_of(mine, CUTS)


def test_links_end_at_gaps_and_cuts():
    before = [0, 1, 1, 0, 1, 0, 1, 0, 1]
    expected = np.array([before, [*before[1:], 0]], bool)

    def one(line, part):
        return links(line, *held(line, part.shape[1]))

    x = np.zeros((1, 9))
    np.testing.assert_array_equal(one(Whole(), x), expected)
    parts = simulated(one, x, 4)
    np.testing.assert_array_equal(np.concatenate(list(parts), axis=1)[:, :9], expected)


def test_frames_of_a_part_share_statistics(x64):
    rng = np.random.default_rng(0)
    mean, variance = rng.standard_normal((2, 9, 3)), rng.random((2, 9, 3))
    expected = np.empty((2, 2, 9, 3))
    for n, scene in enumerate(SCENES):
        same = [m for m, other in enumerate(SCENES) if other == scene]
        middle = mean[:, same].mean(1, keepdims=True)
        expected[0, :, n] = middle[:, 0]
        expected[1, :, n] = (variance[:, same] + (mean[:, same] - middle) ** 2).mean(1)

    def one(line, part):
        mean, variance = part[:2], part[2:]
        return jnp.stack(Parts(line, held(line, part.shape[1])[1]).moments(mean, variance))

    x = np.concatenate([mean, variance])
    assert np.abs(np.asarray(quickly(lambda x: one(Whole(), x))(x)) - expected).max() < FP64
    parts = np.concatenate(list(simulated(one, x, 4)), axis=2)[:, :, :9]
    assert np.abs(parts - expected).max() < FP64
    assert np.ptp(expected[0][:, :3], axis=1).max() == EXACT
