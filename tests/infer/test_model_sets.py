"""Figures straight from a model: of samples, and of what its autoencoder makes of real clips."""

import json
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from infer import distances, evaluate, model_sets
from infer.clip_sets import clip_set
from tests.infer.test_folders import clips, written
from tests.tiny_pvdm import tiny_pvdm
from vinf_jax.metrics.psnr import psnr
from vinf_jax.nn.parameters import flat
from vinf_jax.programs import spoken
from vinf_jax.systems.pvdm import Settings


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The model, and its folder."""
    model, folder = tiny_pvdm(), tmp_path_factory.mktemp("tiny") / "pvdm"
    model.save(folder)
    return model, folder


@pytest.fixture
def run(saved, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(distances, "FRAMES_AT_ONCE", 4)
    monkeypatch.setattr(model_sets, "AT_ONCE", 2)
    written(tmp_path / "real", clips(3, 8, 0, side=18))
    monkeypatch.chdir(tmp_path)

    def go(*words, size=16):
        more = ("--real", "real", "--fake", saved[1], "--size", size, "--out", "x.json", "--force")
        status = spoken(evaluate.main, [*map(str, words), *map(str, more)])
        said = capsys.readouterr()
        out = tmp_path / "x.json"
        return status, json.loads(out.read_text()) if out.exists() else {}, said.out + said.err

    return go


class Dimming(nnx.Module):
    """Stands in for an autoencoder of clips of four frames; they come back half as far from
    gray."""

    shape = (4, 16, 16, 3)

    def __init__(self):
        self.factor = nnx.Param(jnp.array(0.5))

    def encode(self, video):
        return video * self.factor

    def decode(self, latents):
        return latents


def test_reconstructions_by_the_model(run, tmp_path, monkeypatch):
    """Clip by clip of the model's length."""
    monkeypatch.setattr(model_sets, "filled", lambda *both: {"autoencoder": Dimming()})
    status, record, _ = run("psnr", "--frames", "8")
    assert status == 0 and record["clips"] == 3
    assert record["fake"]["kind"] == "reconstructions by a PVDM autoencoder"
    for name, frames in real_clips(tmp_path).take(3, id):
        again = np.round((frames / 127.5 - 1) * 63.75 + 127.5).astype(np.uint8)
        assert abs(record["each"][name] - psnr(frames, again)) < 0.05


def test_the_autoencoder_of_a_folder(saved, run, tmp_path):
    model, folder = saved
    found = model_sets.reconstructions(folder, real_clips(tmp_path)).autoencoder
    want = flat(model.autoencoder)
    assert found.shape == model.autoencoder.shape and flat(found).keys() == want.keys()
    assert all(np.array_equal(x, want[name]) for name, x in flat(found).items())


def real_clips(folder):
    return clip_set(folder / "real", frames=8, every=1, size=16)


class Sampler:
    """Stands in for a model: its videos follow from their seed and number."""

    autoencoder = SimpleNamespace(shape=(4, 16, 16, 3))
    settings = Settings(fps=8)

    def generate(self, *, frames, videos, seed, **wishes):
        self.wishes = wishes
        rng = np.random.default_rng(seed)
        return rng.integers(0, 256, (videos, frames, 16, 16, 3), np.uint8)


def test_samples_of_the_model(run, monkeypatch):
    """Two of each seed; every second frame of those that are made."""
    model = Sampler()
    monkeypatch.setattr(model_sets.PVDM, "load", lambda folder: model)
    words = ("fvd", "--frames", "3", "--every", "2", "--clips", "3", "--features", "random")
    status, record, _ = run(*words, "--steps", "7", "--seed", "4")
    assert status == 0 and model.wishes == {"steps": 7}
    made = record["fake"]
    assert made["kind"] == "samples of a PVDM model" and len(made["sha256"]) == 64
    assert made["settings"]["steps"] == 7 and made["settings"]["later_steps"] == 20
    found = model_sets.samples(Path("x"), frames=3, every=2, size=16, seed=4, wishes={})
    came = dict(found.take(3, id))
    assert list(came) == ["seed 4, video 0", "seed 4, video 1", "seed 5, video 0"]
    want = model.generate(frames=5, videos=2, seed=5)[0, ::2]
    assert np.array_equal(came["seed 5, video 0"], want)


@pytest.mark.parametrize(
    ("words", "size", "said"),
    [
        (["psnr", "--frames", "6"], 16, "frames: 6, but the clips of"),
        (["psnr", "--frames", "4"], 17, "makes 16x16"),
        (["fvd", "--frames", "4", "--features", "random"], 17, "makes 16x16"),
    ],
)
def test_models_that_do_not_fit_are_refused(words, size, said, run):
    status, _, out = run(*words, size=size)
    assert status == 2 and said in out
