"""PVDM's recursion on a tiny model: what depends on what, and folders."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.compiled import compiled
from tests.products import precisions
from tests.tiny_pvdm import STEPS, tiny_pvdm
from tests.tolerances import OP
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.pvdm_autoencoder import PVDMAutoencoder
from vinf_jax.models.pvdm_unet import PVDMUNet
from vinf_jax.nn.parameters import split
from vinf_jax.systems.pvdm import PVDM, Settings
from vinf_jax.systems.pvdm.recursion import conditional


@pytest.fixture(scope="module")
def model():
    return tiny_pvdm()


def unet(model, *given):
    return compiled(PVDMUNet.__call__, *split(model.unet), *given)


def decoded(model, latents):
    return compiled(PVDMAutoencoder.decode, *split(model.autoencoder), latents)


def encoded(model, pixels):
    return compiled(PVDMAutoencoder.encode, *split(model.autoencoder), pixels)


def sampled(model, sampler, key, before, guidance):
    """Latents of one clip, step by step, one condition at a time."""

    def noise(n):
        return jax.random.normal(jax.random.fold_in(key, n), model.latent_shape)[None]

    def denoise(x, time):
        known, free = (unet(model, x, jnp.full(1, time), c) for c in (before, 0 * before))
        said = free + guidance * (known - free)
        if model.settings.prediction == "epsilon":
            return said
        alpha, sigma = Schedule.pvdm().levels(time, x)
        return alpha * said + sigma * x

    state = sampler.init(noise(len(sampler.times)))
    for i in range(len(sampler.times)):
        state = sampler.step(state, denoise, i, noise(i))
    return sampler.result(state)


def lost(model, latents):
    """How far latents are from what their own pixels are encoded to."""
    again = encoded(model, jnp.clip(decoded(model, latents), -1, 1))
    return float(jnp.linalg.norm(again - latents))


def slow(model, frames, seed, video, guidance=1.0, candidates=1):
    """One video, clip by clip."""
    key = jax.random.fold_in(jax.random.key(seed), np.uint32(video))
    before, clips = jnp.zeros((1, *model.latent_shape)), []
    for number in range(-(-frames // 4)):
        sampler = model.settings.sampler(STEPS["later_steps" if number else "steps"])
        owns = [number] if number else [0, *(2**32 - n for n in range(1, candidates))]
        keys = [jax.random.fold_in(key, np.uint32(own)) for own in owns]
        made = [sampled(model, sampler, own, before, guidance) for own in keys]
        before = min(made, key=partial(lost, model))
        clips.append(np.asarray(decoded(model, before))[0])
    return np.concatenate(clips)[:frames]


@pytest.mark.parametrize(("guidance", "says"), [(1.0, "epsilon"), (2.5, "epsilon"), (2.5, "v")])
def test_every_clip_follows_from_the_latents_before_it(guidance, says):
    model = tiny_pvdm(says)
    made = model.generate(frames=6, videos=2, seed=5, guidance=guidance)
    assert made.shape == (2, 6, 16, 16, 3)
    slowly = slow(model, 6, 5, 1, guidance)
    assert np.abs(made[1] - np.clip((slowly + 1) * 127.5, 0, 255)).max() < 1


def test_a_video_is_the_same_in_any_batch_on_any_devices(model):
    alone = model.generate(frames=8, videos=1, seed=3)
    several = model.generate(frames=8, videos=3, seed=3, devices=2)
    assert several.shape[0] == 3
    assert np.abs(alone[0].astype(int) - several[0]).max() <= 1
    assert np.abs(several[1].astype(int) - several[2]).max() > 1
    longer = model.generate(frames=9, videos=1, seed=3)
    np.testing.assert_array_equal(longer[:, :8], alone)


def test_the_candidate_that_the_autoencoder_gives_back_best_begins(model):
    videos = model.generate(frames=6, videos=3, seed=2, candidates=3)
    alone = model.generate(frames=6, videos=2, seed=2, candidates=3, devices=2)
    first = model.generate(frames=6, videos=3, seed=2)
    for number, video in enumerate(videos):
        slowly = np.clip((slow(model, 6, 2, number, candidates=3) + 1) * 127.5, 0, 255)
        assert np.abs(video - slowly).max() < 1
    assert np.abs(videos[:2].astype(int) - alone).max() <= 1
    changed = [np.abs(a.astype(int) - b).max() > 1 for a, b in zip(videos, first, strict=True)]
    assert any(changed)


def test_without_guidance_there_is_one_pass():
    seen = []

    def unet(x, time, condition):
        seen.append(len(x))
        return x

    x = jnp.ones((2, 3, 4))
    conditional(unet, x)(x, 5)
    conditional(unet, x, halves=True)(x, 5)
    assert seen == [2, 4]


def test_progress_counts_the_steps_of_all_clips(model):
    heard = []
    model.generate(frames=8, seed=1, on_step=heard.append)
    steps = [(p.step, p.steps) for p in heard if p.stage == "denoise"]
    assert steps == [(n, 5) for n in range(1, 6)]
    assert heard[-1].latents.shape == (1, *model.latent_shape)


def test_progress_counts_the_candidates(model):
    heard = []
    model.generate(frames=8, seed=1, candidates=3, on_step=heard.append)
    steps = [(p.step, p.steps) for p in heard if p.stage == "denoise"]
    assert steps == [(n, 11) for n in range(1, 12)]


def test_a_folder_gives_the_same_videos(model, tmp_path):
    model.save(tmp_path / "model", provenance={"from": "a test"})
    again = PVDM.load(tmp_path / "model", settings={"eta": 0.0})
    assert again.provenance == {"from": "a test"}
    assert again.settings == Settings(fps=8, **STEPS, eta=0.0)
    z = jnp.ones((1, *model.latent_shape)) / 3
    given = (z, jnp.array([5]), z)
    np.testing.assert_allclose(unet(again, *given), unet(model, *given), atol=OP)
    np.testing.assert_allclose(decoded(again, z), decoded(model, z), atol=OP)


def test_everything_that_does_not_fit_is_said_at_once(model):
    with pytest.raises(
        ValueError, match=r"frames: 0.*videos: 0.*seed: -1.*later_steps.*devices: 99"
    ):
        model.stream(frames=0, videos=0, seed=-1, later_steps=0, devices=99)
    with pytest.raises(ValueError, match=r"fps: 0.*candidates: 0; give 1 or more"):
        Settings(fps=0, candidates=0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_all_is_computed_in_the_precision_of_the_weights(dtype):
    model = tiny_pvdm(dtype=jnp.dtype(dtype))
    recursion, sampler = model._recursion, model.settings.sampler(3)
    clip = jnp.zeros((1, *model.latent_shape))
    step = recursion._step(sampler, halves=True)
    state, keys = sampler.init(clip), jax.random.split(jax.random.key(0), 1)
    given = state, np.int32(0), recursion.unet[1], keys, clip, np.float32(2)
    assert precisions(step, *given) == {dtype}
    assert jax.eval_shape(step, *given)["x0"].dtype == jnp.float32
    for works in (recursion._decode, recursion._lost):
        assert precisions(works, recursion.autoencoder[1], clip) == {dtype}
