"""Changes of scene whose right answer is known."""

import numpy as np
import pytest

from vinf_jax.media.captions import parse
from vinf_jax.media.judge import judge
from vinf_jax.media.sprites import clip
from vinf_jax.metrics.arrival import Arrival, arrivals
from vinf_jax.metrics.following import Scene

OLD = parse("a red square moves right over a plain gray background")
NEW = parse("a blue cross rests over a striped white background")
SCENES = [Scene(0, 16, OLD), Scene(16, 32, NEW)]


def measured(video, scenes=SCENES):
    return arrivals(judge(video, fps=8), scenes)


@pytest.fixture(scope="module")
def drawn():
    how = {"frames": 32, "height": 48, "width": 48}
    return clip(OLD, seed=1, **how), clip(NEW, seed=1, **how)


@pytest.mark.parametrize("late", [0, 3, 6])
def test_a_scene_that_comes_late_is_so_many_frames_late(drawn, late):
    old, new = drawn
    video = np.concatenate([old[: 16 + late], new[16 + late :]])
    assert measured(video) == [Arrival(late, late / 8)]


def test_a_scene_that_never_comes_is_late_by_all_its_frames(drawn):
    assert measured(drawn[0]) == [Arrival(16, 1.0)]


def test_one_lucky_frame_is_no_arrival(drawn):
    old, new = drawn
    video = np.concatenate([old[:17], new[17:18], old[18:22], new[22:]])
    assert measured(video)[0].late == 6


def test_a_last_frame_alone_is_no_arrival(drawn):
    old, new = drawn
    assert measured(np.concatenate([old[:31], new[31:]]))[0].late == 16


def test_what_both_prompts_say_does_not_bleed(drawn):
    """The shape is the old one's everywhere, and should be."""
    scenes = [SCENES[0], SCENES[1]._replace(facts=parse("a blue square rests"))]
    video = clip(parse("a blue square rests over a plain gray background"), seed=1, frames=32)
    assert measured(video, scenes) == [Arrival(0, 0.0)]


def test_a_film_of_one_scene_has_no_arrivals(drawn):
    assert measured(drawn[0], [Scene(0, 32, OLD)]) == []
