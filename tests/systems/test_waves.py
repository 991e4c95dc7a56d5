"""Plans of waves: every frame made once, from what is there, in calls of bounded size."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vinf_jax.nn.scenes import far_frames
from vinf_jax.parallel.timeline import spread as evenly
from vinf_jax.systems.video_infinity.waves import (
    Wave,
    given_troubles,
    length_troubles,
    plan_waves,
)

JOBS = st.fixed_dictionaries(
    {
        "frames": st.integers(1, 90),
        "wave": st.integers(0, 30),
        "overlap": st.integers(0, 9),
        "spread": st.integers(0, 9),
    }
)


@given(job=JOBS, numbers=st.sets(st.integers(0, 89), max_size=60))
@example(job={"frames": 90, "wave": 20, "overlap": 4, "spread": 6}, numbers=set())
@example(job={"frames": 60, "wave": 7, "overlap": 3, "spread": 5}, numbers={0, *range(20, 60)})
@example(job={"frames": 40, "wave": 0, "overlap": 2, "spread": 4}, numbers={0, 39})
def test_every_frame_is_made_once_from_what_is_there(job, numbers):
    numbers = {n for n in numbers if n < job["frames"]} - {job["frames"] // 2}
    there, asked = set(numbers), (job["wave"] or job["frames"], job["overlap"], job["spread"])
    for wave in plan_waves(**job, given=numbers):
        made, held = set(wave.made), set(wave.held)
        assert list(wave.numbers) == sorted(made | held) and not made & there and held <= there
        assert max(made) - min(made) < asked[0]
        assert len(wave.numbers) <= asked[0] + 2 * asked[1] + asked[2]
        near = {n for n in there if min(abs(n - m) for m in made) <= asked[1]}
        assert near <= held
        assert set(wave.afar) <= set(wave.numbers)
        assert list(wave.afar) == sorted(set(wave.afar))
        there |= made
        assert len(wave.afar) == min(asked[2], len(there))
    assert there == set(range(job["frames"]))


@given(job=JOBS, numbers=st.sets(st.integers(0, 89), max_size=60), cut=st.integers(1, 89))
def test_the_plan_is_the_one_that_looks_at_all_frames(job, numbers, cut):
    """Its slow twin: in every wave all frames that are there are put in order."""
    numbers = {n for n in numbers if n < job["frames"]} - {job["frames"] // 2}
    there, size = np.array(sorted(numbers), int), 0
    for wave in plan_waves(**job, given=numbers, cuts=[cut]):
        own = np.array(wave.made)
        both = np.union1d(there, own)
        edges = [*far_frames(both, job["spread"], [cut]), len(both)]
        parts = [both[a:b].tolist() for a, b in pairwise(edges)]
        afar = [next((n for n in part if n in numbers), part[0]) for part in parts]
        assert list(wave.afar) == afar
        distance = {int(n): int(np.abs(own - n).min()) for n in there}
        near = sum(far <= job["overlap"] for far in distance.values())
        count = min(max(near + job["spread"], size - len(own)), len(there))
        urgency = {
            n: 0 if far <= job["overlap"] else 1 if n in afar else 1 + far
            for n, far in distance.items()
        }
        held = sorted(sorted(distance, key=lambda n: (urgency[n], n))[:count])
        assert list(wave.held) == held
        there, size = both, len(wave.numbers)


@given(job=JOBS)
def test_global_frames_are_even_over_the_video_so_far(job):
    for wave in plan_waves(**job):
        so_far = wave.numbers[-1] + 1
        assert list(wave.afar) == evenly(so_far, job["spread"])


@given(frames=st.integers(1, 90), longer=st.integers(0, 9), spread=st.integers(0, 9))
def test_one_wave_is_the_plain_video(frames, longer, spread):
    plans = {
        plan_waves(frames, wave=wave, overlap=3, spread=spread) for wave in (0, frames + longer)
    }
    (only,) = plans
    assert only == (Wave(tuple(range(frames)), (False,) * frames, only[0].afar),)
    assert only[0].plain and only[0].gapless


def test_a_long_job_has_two_sizes_of_calls():
    waves = plan_waves(10_000, wave=480, overlap=16, spread=16)
    assert [len(wave.made) for wave in waves] == [477] * 20 + [460]
    assert {len(wave.numbers) for wave in waves[1:]} == {477 + 32}
    assert waves[0].plain and not any(wave.plain or wave.gapless for wave in waves[1:])


def test_a_retake_sees_both_sides_and_the_whole_video():
    (wave,) = plan_waves(200, overlap=4, spread=4, given={*range(96), *range(104, 200)})
    assert wave.made == tuple(range(96, 104))
    assert {*range(92, 96), *range(104, 108)} <= set(wave.held)
    assert wave.afar == (0, 50, 104, 150)
    assert len(wave.numbers) == 8 + 8 + 4


def test_an_end_image_is_seen_from_everywhere():
    """Among equal parts of the video the first frame counts, unless another one was given."""
    (wave,) = plan_waves(64, overlap=2, spread=4, given={63})
    assert wave.afar == (0, 16, 32, 63)
    first, *_ = plan_waves(64, wave=20, overlap=2, spread=4, given={63})
    assert 63 in first.afar and 63 in first.held


def test_every_scene_offers_global_frames():
    """Also those of earlier waves, which a call then holds."""
    (only,) = plan_waves(64, spread=8, cuts=(48,))
    assert only.afar == (0, 12, 24, 36, 48, 52, 56, 60) and not only.plain
    waves = plan_waves(96, wave=32, overlap=4, spread=6, cuts=(32, 80))
    assert [wave.afar for wave in waves] == [
        (0, 5, 10, 16, 21, 26),
        (0, 10, 21, 32, 42, 53),
        (0, 16, 32, 56, 80, 88),
    ]
    assert all(set(wave.afar) <= set(wave.numbers) for wave in waves)
    assert plan_waves(64, spread=8, cuts=(32,)) == plan_waves(64, spread=8)


def test_every_other_frame_may_be_missing():
    (wave,) = plan_waves(20, overlap=1, spread=0, given=set(range(0, 20, 2)))
    assert wave.numbers == tuple(range(20)) and wave.made == tuple(range(1, 20, 2))
    assert wave.gapless and not wave.plain


@pytest.mark.parametrize(
    ("troubles", "words"),
    [
        (given_troubles(8, {3, 8, -1}), ["8", "-1", "0 to 7"]),
        (given_troubles(3, range(3)), ["all 3 frames"]),
        (length_troubles(8, 8), ["overlap: 8", "give 7"]),
        (length_troubles(-1, True), ["wave: -1", "overlap: True"]),
    ],
)
def test_troubles(troubles, words):
    said = "; ".join(troubles)
    assert all(word in said for word in words), said


def test_no_troubles():
    assert given_troubles(8, {0, 7}) == length_troubles(8, 7) == length_troubles(0, 99) == []
    assert length_troubles(8, None) == given_troubles(8, [0, 1]) == []
