"""The weights that come with the library: whole, small, and a model of the sprite world."""

from pathlib import Path

import pytest

import vinf_jax
from vinf_jax.media.judge import judge, verdict
from vinf_jax.media.sprites import parse
from vinf_jax.systems.video_infinity import VideoInfinity

WEIGHTS = Path(vinf_jax.__file__).parent / "weights"


@pytest.fixture(scope="module")
def model():
    return VideoInfinity.load(WEIGHTS / "sprites")


@pytest.mark.parametrize("folder", sorted(WEIGHTS.iterdir()), ids=lambda folder: folder.name)
def test_every_model_stays_small(folder):
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 20e6


def test_the_folder_says_what_trained_it(model):
    assert model.provenance["config"]["train_diffusion"]["phase_frames"][-1] == 16
    assert model.settings.clip_frames == 16


def test_a_clip_shows_its_prompt(model):
    prompt = "a blue circle moves down over a plain brown background"
    clip = model.generate([prompt], frames=16, steps=12, scope="base")
    said = verdict(judge(clip, fps=8), parse(prompt))
    assert said == dict.fromkeys(("colour", "shape", "background", "pattern", "motion"), True)
