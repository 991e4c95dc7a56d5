"""What is made of the runs of cheaper settings, and that there are such settings."""

from pathlib import Path

import numpy as np
import pytest

import vinf_jax
from benchmarks import cheaper
from vinf_jax.media.sprites import held_out_prompts
from vinf_jax.systems.video_infinity import VideoInfinity

NAMES = [cheaper.TRUTH, cheaper.OWN, "reuse 2"]


class Model:
    """Videos that are as bright as they had steps, and take as long; the first ones longer."""

    class settings:
        fps = 8

    def __init__(self):
        self.asked = []

    def generate(self, prompts, *, frames, seed, steps=25, **wish):
        self.asked.append((prompts, seed, steps, wish))
        spent = steps / (10 * wish.get("reuse", 1)) + 7 * (seed == 0)
        self.timings = {"denoise": spent, "compile": 99.0}
        bright = 100 + steps - wish.get("reuse", 0)
        return np.full((frames, 32, 32, 3), bright, np.uint8)


def test_a_setting_stands_beside_the_one_that_it_names():
    runs = {name: [] for name in NAMES}
    model = Model()
    prompts = held_out_prompts(2)
    for seed, prompt in enumerate(prompts):
        cheaper._compare(model, prompt, seed, 2, False, runs, NAMES)
    assert [asked[:2] for asked in model.asked] == [
        ([p], n) for n, p in enumerate(prompts) for _ in NAMES
    ]
    found = {name: cheaper.result(name, runs) for name in NAMES}
    assert [found[name]["seconds"]["median"] for name in NAMES] == [5.0, 2.5, 1.25]
    assert [found[name]["ratio"]["median"] for name in NAMES] == [1.0, 0.5, 0.5]
    assert found[cheaper.TRUTH]["psnr"] is None
    assert found[cheaper.OWN]["psnr"] == pytest.approx(20 * np.log10(255 / 25), abs=0.01)
    assert found["reuse 2"]["psnr"] == pytest.approx(20 * np.log10(255 / 2), abs=0.01)
    assert found["reuse 2"]["prompts"] == 2 and found["reuse 2"]["followed"] == 0
    assert found["reuse 2"]["asked"]["colour"] == 2 and found["reuse 2"]["right"]["colour"] == 0


def test_every_setting_is_one_of_the_model():
    """And what it stands beside is measured too."""
    model = VideoInfinity.load(Path(vinf_jax.__file__).parent / "weights" / "sprites")
    for beside, wish in cheaper.SETTINGS.values():
        assert beside in cheaper.SETTINGS
        model.begin(held_out_prompts(1), frames=16, **wish)
