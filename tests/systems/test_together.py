"""Several videos in one call: each is the one that is made alone."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.tiny import SMALLEST, tiny_model
from tests.tolerances import FP64

WORST = 2  # of 255, over a whole float32 video
FRAMES = 10
VIDEOS = [
    (["a red disc moves left"], 0),
    (["a blue square"], 0),
    (["a red disc moves left"], 7),
]
TIMELINES = [
    (["a red disc moves left", "a blue square"], 3),
    (["a blue square moves right", "a red square"], 3),
]
NOISY = {"sampler": "sde-dpmsolver++"}


@pytest.fixture(scope="module")
def model():
    return tiny_model(unet=SMALLEST)


@pytest.mark.parametrize(
    "videos, wish",
    [
        (VIDEOS, {}),
        (VIDEOS, NOISY | {"scope": {"preset": "freenoise"}, "frames": 12}),
        (VIDEOS[:2], {"guidance": 1.0, "frames": 16, "scope": {"preset": "reference", "ranks": 2}}),
        (VIDEOS, {"clips": 3, "guidance_groups": 2, "scope": "base"}),
        (TIMELINES, NOISY | {"crossfade": 4}),
        (VIDEOS, NOISY | {"guidance_steps": (0.3, 0.7), "reuse": 2, "steps": 5}),
        (TIMELINES, {"cuts": "prompts", "scope": "video_infinity"}),
        (VIDEOS, {"cuts": [2], "frames": 7, "scope": "video_infinity"}),
    ],
    ids=["plain", "freenoise", "reference", "mesh", "timelines", "cheaper", "cuts", "early cut"],
)
def test_each_is_the_one_that_is_made_alone(model, videos, wish):
    wish = {"frames": FRAMES} | wish
    made = list(model.generate_many(videos, **wish))
    assert len(made) == len(videos)
    for (prompts, seed), video in zip(videos, made, strict=True):
        alone = model.generate(prompts, seed=seed, **wish)
        assert video.shape == alone.shape and video.dtype == np.uint8
        assert np.abs(video.astype(int) - alone).max() <= WORST
    apart = [np.abs(video.astype(int) - made[0]).mean() for video in made[1:]]
    assert min(apart) > 2, "videos of other prompts and seeds are others"


@pytest.mark.parametrize("videos", [VIDEOS, TIMELINES], ids=["plain", "timelines"])
def test_float64_latents_are_those_of_the_video_alone(x64, videos):
    model = tiny_model(dtype=jnp.float64, unet=SMALLEST)
    wish = {"frames": FRAMES, "sampler": "sde-dpmsolver++"}
    first, *others = (model.begin(prompts, seed=seed, **wish) for prompts, seed in videos)
    latents = first.beside(others)
    assert latents.dtype == np.float64 and latents.shape[:2] == (len(videos), FRAMES)
    for making, found in zip([first, *others], latents, strict=True):
        alone = making.wave(0, nothing)
        np.testing.assert_allclose(found, alone, atol=FP64)
        assert np.abs(alone).mean() > 0.1


def test_what_cannot_be_made_in_one_call_is_refused_at_once(model):
    with pytest.raises(ValueError, match="wave: several videos at once"):
        model.generate_many(VIDEOS, frames=FRAMES, wave=6, overlap=2)
    with pytest.raises(ValueError, match="prompts: 1 to 2 a video"):
        model.generate_many([VIDEOS[0], TIMELINES[0]], frames=FRAMES)
    with pytest.raises(ValueError, match="frames: 0"):
        model.generate_many(VIDEOS, frames=0)
    assert list(model.generate_many([], frames=FRAMES)) == []


def nothing(numbers):
    raise AssertionError("no frame is known")
