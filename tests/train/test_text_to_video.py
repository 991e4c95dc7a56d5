"""The whole training program on the smallest networks: every stage, a stop, the finished model."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.tolerances import EXACT
from train import stage, text_to_video
from vinf_jax.media import sprites
from vinf_jax.nn.parameters import flat
from vinf_jax.programs import load_config, spoken
from vinf_jax.systems.video_infinity import VideoInfinity


def tiny():
    config = load_config("configs/sprites.py")
    config.update(
        {
            "size": (16, 16),
            "frames": 4,
            "autoencoder": {"channels": (8,), "norm_groups": 4},
            "text_encoder": {"width": 16, "layers": 1},
            "unet": {"channels": (16,), "attention": (False,), "head_size": 8, "norm_groups": 4},
            "train_autoencoder": {"steps": 4, "batch": 2, "warmup": 1, "save_every": 2},
            "train_diffusion": {
                "clips": 6,
                "phase_steps": (2, 2),
                "phase_frames": (1, 2),
                "phase_stride": (1, 3),
                "phase_batch": (4, 2),
                "phase_share": (0.0, 0.5),
                "phase_from": (0, 900),
                "phase_to": (1000, 1000),
                "phase_known": (0.0, 0.5),
                "phase_seen": ("any", "first"),
                "phase_only": (0.0, 0.5),
                "phase_about": ("", "left right up down turns bounces"),
                "phase_spread": (False, True),
                "warmup": 1,
                "save_every": 2,
            },
        }
    )
    return config


def weights(folder):
    model = VideoInfinity.load(folder)
    return {
        f"{part}.{name}": np.asarray(value)
        for part in ("unet", "autoencoder", "text_encoder")
        for name, value in flat(getattr(model, part)).items()
    }


def test_all_stages_and_a_stop_between_them(tmp_path, monkeypatch):
    phases, run = {}, stage.run

    def watched(config, t, folder, *how):
        phases[folder.name] = how[3]
        return run(config, t, folder, *how)

    monkeypatch.setattr(stage, "run", watched)
    prompts = sprites.held_out_prompts
    monkeypatch.setattr(sprites, "held_out_prompts", lambda count, seed: prompts(2, seed))
    text_to_video.run(tiny(), tmp_path / "whole")
    trained = weights(tmp_path / "whole" / "model")
    assert all(np.isfinite(value).all() for value in trained.values())
    assert phases["autoencoder"][0].told(2) == "sprites 4 to 5 of seed 0"
    with np.load(tmp_path / "whole/diffusion/latents.npz") as bank:
        for step, phase in zip((1, 3), phases["diffusion"], strict=True):
            first, *numbers = phase.told(step).removesuffix(" of latents.npz").split()
            clips = bank["latents"][[int(number.strip(",")) for number in numbers]]
            made = phase.batch(step)["latents"]
            assert first == "latents" and len(clips) == len(made)
            for clip, frames in zip(clips, made, strict=True):
                assert all((clip == frame).all((1, 2, 3)).any() for frame in frames)

    cut = tmp_path / "cut"
    shutil.copytree(tmp_path / "whole", cut)
    for folder in ("autoencoder", "diffusion"):  # as a kill between two checkpoints leaves it
        shutil.rmtree(cut / folder / "checkpoints" / "step_00000004")
    (cut / "diffusion" / "latents.npz").unlink()
    text_to_video.run(tiny(), cut)
    again = weights(cut / "model")
    for name, value in trained.items():
        np.testing.assert_allclose(again[name], value, rtol=EXACT, atol=EXACT, err_msg=name)

    metrics = (tmp_path / "whole/diffusion/metrics.jsonl").read_text()
    lines = [json.loads(line) for line in metrics.splitlines()]
    assert lines[-1]["step"] == 4
    for picture in (
        "autoencoder/samples/step_000004.png",
        "diffusion/samples/step_000004.png",
    ):
        with Image.open(tmp_path / "whole" / picture) as image:
            assert min(image.size) > 0
    assert (tmp_path / "whole/diffusion/judge.jsonl").exists()


def test_config_that_does_not_fit_is_one_message(tmp_path, capsys):
    command = ["--config", "configs/sprites.py", "--out", str(tmp_path)]
    wrong = ["--devices", "3", "--train_diffusion.phase_steps", "5", "5"]
    assert spoken(text_to_video.main, [*command, *wrong]) == 2
    said = capsys.readouterr().err
    assert "phase_steps" in said and "devices: 3" in said and "Traceback" not in said


def test_unknown_field_names_the_nearest(tmp_path, capsys):
    command = ["--config", "configs/sprites.py", "--out", str(tmp_path), "--seeed", "1"]
    with pytest.raises(SystemExit) as stop:
        text_to_video.main(command)
    assert stop.value.code == 2
    assert "--seed" in capsys.readouterr().err


def test_diffusion_without_autoencoder_says_what_to_run(tmp_path):
    with pytest.raises(ValueError, match="run the stage autoencoder first"):
        text_to_video.run(tiny(), tmp_path, ("diffusion",))
