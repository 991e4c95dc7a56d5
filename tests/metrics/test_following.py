"""Identity and prompts over time, of sprites whose right score is known."""

import numpy as np
import pytest

from tests.tolerances import EXACT, FP64
from vinf_jax.media.captions import parse
from vinf_jax.media.judge import judge
from vinf_jax.media.sprites import clip
from vinf_jax.metrics.following import Scene, following, identity, moving

RED = parse("a red square moves right over a plain gray background")
CROSS = parse("a blue cross rests over a striped white background")
MOVES = clip(RED, seed=1, frames=48)
RESTS = clip(CROSS, seed=1, frames=24)


def read(video):
    return judge(video, fps=8)


def test_a_video_of_its_prompt_keeps_everything():
    scenes = [Scene(0, 48, RED)]
    assert identity(read(MOVES), scenes) == [[1] * 6]
    assert following(read(MOVES), scenes, 16) == [[1] * 3]
    assert moving(read(MOVES), scenes, 16) == [[1] * 3]


def test_a_still_video_lacks_only_the_motion():
    still = read(MOVES[:1].repeat(32, axis=0))
    assert identity(still, [Scene(0, 32, RED)]) == [[1] * 4]
    expected = [pytest.approx([0.8, 0.8], abs=EXACT)]  # colour, shape, ground, pattern; no motion
    assert following(still, [Scene(0, 32, RED)], 16) == expected
    assert moving(still, [Scene(0, 32, RED)], 16) == [[0, 0]]
    assert moving(still, [Scene(0, 32, CROSS)], 16) == [[1, 1]], "rests; what it is, is not asked"


def test_frames_in_an_order_of_chance_lack_the_motion_too():
    video = MOVES[np.random.default_rng(0).permutation(48)]
    assert identity(read(video), [Scene(0, 48, RED)]) == [[1] * 6]
    assert following(read(video), [Scene(0, 48, RED)], 48) == [pytest.approx([0.8], abs=EXACT)]


def test_what_is_cut_shares_with_its_own_side_only():
    reading = read(np.concatenate([MOVES[:24], RESTS]))
    assert identity(reading, [Scene(0, 48, RED)]) == [[0.4] * 6]
    assert following(reading, [Scene(0, 48, RED)], 8) == [[1, 1, 1, 0, 0, 0]]


def test_every_scene_has_its_own_prompt_and_first_second():
    reading = read(np.concatenate([MOVES[:24], RESTS]))
    scenes = [Scene(0, 24, RED), Scene(24, 48, CROSS)]
    assert identity(reading, scenes) == [[1] * 3, [1] * 3]
    assert following(reading, scenes, 8) == [[1] * 3, [1] * 3]
    assert moving(reading, scenes, 8) == [[1] * 3, [1] * 3]
    swapped = [Scene(0, 24, CROSS), Scene(24, 48, RED)]
    assert identity(reading, swapped) == [[1] * 3, [1] * 3], "whose it is, is not asked"
    assert np.max(following(reading, swapped, 8)) == 0


def test_a_sprite_that_is_not_there_is_not_kept():
    nothing = read(np.full((24, 32, 32, 3), 128, np.uint8))
    assert identity(nothing, [Scene(0, 24, RED)]) == [[0] * 3]


def test_short_scenes_have_nothing_to_keep():
    scenes = [Scene(0, 7, RED), Scene(7, 48, RED)]
    assert [len(part) for part in identity(read(MOVES), scenes)] == [0, 5]
    assert identity(read(MOVES), [Scene(0, 15, RED)]) == [[]]
    assert [len(part) for part in following(read(MOVES), scenes, 16)] == [0, 2]


def test_one_second_that_differs_costs_only_its_pairs():
    video = np.concatenate([RESTS[:8], MOVES[:24]])
    shared = [0, 2 / 3, 2 / 3, 2 / 3]
    assert identity(read(video), [Scene(0, 32, RED)]) == [pytest.approx(shared, abs=FP64)]


def test_what_is_not_said_is_not_asked():
    scenes = [Scene(0, 12, parse("a blue shape")), Scene(12, 24, CROSS)]
    assert following(read(RESTS), scenes, 6) == [[1] * 2, [1] * 2]
    assert moving(read(RESTS), scenes, 6) == [[1] * 2]
