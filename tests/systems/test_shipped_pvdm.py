"""The PVDM that comes with the library: it rebuilds sprites it never saw, and what it makes from
nothing goes on as it began."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from infer.loading import shipped
from vinf_jax.media.clips import open_clips
from vinf_jax.media.judge import keeps
from vinf_jax.metrics.psnr import psnr
from vinf_jax.nn.pixels import to_bytes, to_unit
from vinf_jax.systems.pvdm import PVDM


@pytest.fixture(scope="module")
def model():
    return PVDM.load(shipped("pvdm_sprites"))


def test_the_folder_says_what_trained_it(model):
    assert model.provenance["config"]["data"]["kind"] == "sprites"
    assert model.provenance["steps"] > 0 and model.clip_frames == 16


def test_held_out_clips_are_rebuilt(model):
    clips = open_clips("sprites", None, frames=16, size=64, split="test")
    real = np.stack([clips.clip(number, 0) for number in range(2)])
    again = nnx.jit(lambda autoencoder, video: autoencoder.decode(autoencoder.encode(video)))
    made = to_bytes(again(model.autoencoder, to_unit(jnp.asarray(real))))
    assert np.mean([psnr(*pair) for pair in zip(real, np.asarray(made), strict=True)]) > 28


def test_clips_made_from_nothing_go_on_as_they_began(model):
    videos = model.generate(frames=32, videos=4, steps=30, later_steps=10, candidates=4, seed=0)
    assert sum(keeps(video, 16) for video in videos) >= 3
