"""The program from flags to files: what it leaves, what it refuses, what a stop leaves."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from infer import making, video_infinity
from infer.progress import Display
from vinf_jax.media.video import read_video
from vinf_jax.programs import load_config, spoken
from vinf_jax.systems.video_infinity.note import describe

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = ("a red square moves left", "a blue disc moves right")
ASKED = {
    "--prompts": PROMPTS,
    "--frames": (6,),
    "--clips": (4,),
    "--steps": (2,),
    "--crossfade": (2,),
    "--scope.local": (1,),
    "--seed": (3, 5),
    "--scale": (2,),
}


def argv(out: Path, weights: Path, **changes) -> list[str]:
    """The flags of ASKED with some changed or, with None, left out."""
    flags = ASKED | {"--out": (out,), "--weights": (weights,)}
    flags |= {
        "--" + name.replace("__", ".").replace("_", "-"): value for name, value in changes.items()
    }
    return [
        str(word)
        for name, values in flags.items()
        if values is not None
        for word in (name, *(values if isinstance(values, tuple) else (values,)))
    ]


def run(*words) -> int:
    return spoken(video_infinity.main, argv(*words))


def test_leaves_video_sheet_and_record_of_every_seed(
    model, weights, given, tmp_path, capsys, monkeypatch
):
    given(model)
    monkeypatch.setattr(making, "PREVIEW_EVERY", 0.0)
    out = tmp_path / "new" / "demo.mp4"
    words = [*argv(out, weights), "--preview"]
    assert spoken(video_infinity.main, words) == 0
    names = [
        f"demo-seed{seed}{end}"
        for seed in (3, 5)
        for end in (".job", ".json", ".mp4", ".png", ".preview.png")
    ]
    assert sorted(file.name for file in out.parent.iterdir()) == names
    frames, fps = read_video(out.parent / "demo-seed5.mp4")
    assert frames.shape == (6, 64, 64, 3) and fps == 8
    wanted = model.generate(
        PROMPTS,
        frames=6,
        clips=4,
        seed=5,
        steps=2,
        crossfade=2,
        scope={"preset": "video_infinity", "local": 1, "spread": 4},
    )
    small = frames.reshape(6, 32, 2, 32, 2, 3).mean((2, 4))
    other, _ = read_video(out.parent / "demo-seed3.mp4")
    lossy = np.abs(small - wanted).mean()
    assert (
        lossy
        < 10
        < np.abs(other.reshape(small.shape[0], 32, 2, 32, 2, 3)[:, :, 0, :, 0] - wanted).mean()
    )
    _check_record(json.loads((out.parent / "demo-seed5.json").read_text()), words)
    assert "demo-seed5.mp4: 6 frames" in capsys.readouterr().out


def _check_record(record: dict, words: list[str]) -> None:
    assert record["prompts"] == [
        {"text": PROMPTS[0], "start": 0, "stop": 3},
        {"text": PROMPTS[1], "start": 3, "stop": 6},
    ]
    assert record["seed"] == 5 and record["frames"] == 6 and record["scale"] == 2
    assert record["settings"]["steps"] == 2 and record["settings"]["guidance"] == 2
    assert record["settings"]["scope"]["local"] == 1 and record["settings"]["scope"]["spread"] == 4
    assert record["mesh"]["axes"] == {"guidance": 1, "clip": 4} and record["mesh"]["devices"] == 4
    assert {"set-up", "compile", "denoise", "decode", "write", "total"} <= set(record["timings"])
    assert {"python", "jax", "flax", "numpy", "vinf_jax", "commit"} <= set(record["versions"])
    assert len(record["weights"]["sha256"]) == 64
    assert record["command"].startswith("python -m infer video_infinity --prompts 'a red square")
    assert record["config"]["size"] == [64, 64]
    assert all(word in record["command"] for word in words if " " not in word)


def test_cheaper_settings_arrive_and_are_recorded(model, weights, given, tmp_path):
    given(model)
    cheaper = {"guidance_steps": "0:0.5", "reuse": 2, "exchange": "int8"}
    assert spoken(video_infinity.main, argv(tmp_path / "a.mp4", weights, seed=3, **cheaper)) == 0
    settings = json.loads((tmp_path / "a.json").read_text())["settings"]
    assert settings["guidance_steps"] == [0, 0.5]
    assert (settings["reuse"], settings["exchange"]) == (2, "int8")
    job = json.loads((tmp_path / "a.job" / "manifest.json").read_text())
    assert job["facts"]["asked"]["settings"]["reuse"] == 2


def test_stopping_keeps_whole_files_only(model, weights, given, tmp_path, capsys, monkeypatch):
    given(model)
    shown = Display.__call__

    def stop_in_second_video(display, progress):
        shown(display, progress)
        if "seed5" in display.title and progress.stage == "denoise" and progress.step == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Display, "__call__", stop_in_second_video)
    out = tmp_path / "demo.mp4"
    assert run(out, weights) == 130
    kept = [f"demo-seed3{end}" for end in (".job", ".json", ".mp4", ".png")] + ["demo-seed5.job"]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(kept)
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f"--out {out} --weights {weights} --resume")
    assert said.startswith("stopped in ") and "denoise 1/2" in said
    assert all(name in said for name in kept)


def test_existing_files_stay_unless_forced(model, weights, given, tmp_path, capsys):
    given(model)
    (tmp_path / "demo-seed5.json").write_text("mine")
    assert run(tmp_path / "demo.mp4", weights) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["demo-seed5.json"]
    said = capsys.readouterr().err
    assert "demo-seed5.json exists; --force" in said
    forced = [*argv(tmp_path / "demo.mp4", weights), "--force"]
    assert spoken(video_infinity.main, forced) == 0
    assert json.loads((tmp_path / "demo-seed5.json").read_text())["seed"] == 5


REFUSED = [
    ({"frames": 0}, ["frames: 0", "give a whole number"]),
    ({"clips": 0}, ["clips: 0", "give a whole number"]),
    ({"clips": 7}, ["clips: 7 clips for 6 frames", "at most 6"]),
    ({"clips": 9, "frames": 20}, ["clips: 9", "need 9 devices", "there are 8", "at most 8"]),
    ({"guidance_groups": 3}, ["guidance_groups: 3", "1 or 2"]),
    ({"guidance_groups": 2, "clips": 5}, ["need 10 devices", "at most 4"]),
    ({"seed": (3, -1)}, ["seed: -1", "give a whole number"]),
    ({"seed": (4, 4)}, ["seed: 4 stands more than once"]),
    ({"ranges": "0:6"}, ["ranges: 1 ranges for 2 prompts"]),
    ({"ranges": ("0:3", "4:6")}, ["ranges", "3", "4", "no prompt"]),
    ({"ranges": ("0:3", "3:9")}, ["ranges", "9", "6 frames"]),
    ({"ranges": ("0-3", "3:6")}, ["ranges: '0-3'", "START:STOP"]),
    ({"frames": 1, "clips": 1}, ["prompts: 2 prompts for 1 frames"]),
    ({"prompts": ("a red square", " ")}, ["prompts: number 2 is empty"]),
    ({"prompts": None}, ["prompts: none"]),
    ({"prompts": "a rad square moves"}, ["'rad' is not known", "near: red", "known words are"]),
    ({"prompts_file": "none.txt", "prompts": None}, ["prompts-file: there is no file none.txt"]),
    ({"sampler": "euler"}, ["sampler: 'euler'", "dpmsolver++", "ddim"]),
    ({"steps": 0}, ["steps=0", "1 to 999"]),
    ({"steps": 1000}, ["steps=1000", "1 to 999"]),
    ({"scope": "wide", "scope__local": None}, ["'wide'", "base, ", "reference, video_infinity, "]),
    ({"scope": "base"}, ["preset base", "'local'"]),
    ({"scope__local": -1}, ["local: -1", "0 or more"]),
    ({"crossfade": 50}, ["crossfade: 50", "at most 6"]),
    ({"fps": 0}, ["fps", "above 0"]),
    ({"fps": "nan"}, ["fps", "above 0"]),
    ({"height": 33}, ["height: 33", "multiple of 8"]),
    ({"width": 28}, ["width: 28", "multiple of 8"]),
    ({"scale": 0}, ["scale is 0", "1 or more"]),
    ({"out": "demo.avi"}, ["demo.avi should end with .mp4", "demo.mp4"]),
    ({"sped": 3}, ["--sped is neither a flag nor a field of the config", "--seed"]),
    ({"unet.layer": 3}, ["--unet.layer ", "did you mean --unet.layers?"]),
    ({"unet.layers": 3}, ["unet.layers: 3", "trained with 1"]),
    ({"steps": "many"}, ["--steps", "'many'"]),
    ({"exchange": "int4"}, ["exchange: 'int4'; give one of exact, int8"]),
    ({"reuse": 0}, ["reuse: 0; give a whole number from 1"]),
    ({"guidance_steps": "half"}, ["--guidance-steps", "'half'", "0.2:0.8"]),
    ({"guidance_steps": "0.5:2"}, ["guidance_steps: [0.5, 2.0]", "from 0 to 1"]),
    ({"config": "sprits"}, ["no config is called 'sprits'", "sprites"]),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED, ids=lambda value: str(value)[:40])
def test_mistakes_are_one_message(
    model, weights, given, tmp_path, capsys, monkeypatch, changes, said
):
    given(model)
    monkeypatch.chdir(tmp_path)
    words = {"out": "demo.mp4", "weights": weights} | changes
    assert spoken(video_infinity.main, argv(words.pop("out"), words.pop("weights"), **words)) == 2
    (message,) = [line for line in capsys.readouterr().err.splitlines() if "start: " not in line]
    assert message.startswith("error: ")
    assert not [part for part in said if part not in message], message
    assert list(tmp_path.iterdir()) == []


def test_troubles_of_all_kinds_come_together(model, weights, given, tmp_path, capsys):
    given(model)
    out = tmp_path / "file" / "demo.mp4"
    out.parent.write_text("not a folder")
    words = argv(out, weights, frames=5, clips=6, steps=0, height=20, scale=0, seed=(1, 1))
    assert spoken(video_infinity.main, words) == 2
    said = capsys.readouterr().err
    parts = [
        "is a file, not a folder",
        "clips: 6",
        "steps=0",
        "height: 20",
        "scale is 0",
        "seed: 1",
    ]
    assert not [part for part in parts if part not in said], said


def test_reference_scope_needs_its_ranks(model, weights, given, tmp_path, capsys):
    given(model)
    words = argv(tmp_path / "a.mp4", weights, scope="reference", scope__local=None)
    assert spoken(video_infinity.main, words) == 2
    assert "ranks" in capsys.readouterr().err


def test_missing_weights_are_named(tmp_path, capsys):
    assert run(tmp_path / "a.mp4", tmp_path / "none") == 2
    said = capsys.readouterr().err
    assert "weights: " in said and str(tmp_path / "none") in said and "--weights FOLDER" in said


def test_damaged_weights_are_named(weights, tmp_path, capsys):
    broken = tmp_path / "broken"
    shutil.copytree(weights, broken)
    largest = max((file for file in broken.rglob("*") if file.is_file()), key=_size)
    largest.write_bytes(largest.read_bytes()[:100])
    assert run(tmp_path / "a.mp4", broken) == 2
    said = capsys.readouterr().err
    assert "damaged" in said and str(broken) in said
    assert [file.name for file in tmp_path.iterdir()] == ["broken"]


def _size(file: Path) -> int:
    return file.stat().st_size


def test_refusal_in_a_process_of_its_own(tmp_path):
    words = ["-m", "infer", "video_infinity", *argv(tmp_path / "a.mp4", tmp_path / "none")]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and "error: weights: " in done.stderr


def test_shipped_weights_are_the_config_s():
    from infer.loading import weights_of
    from infer.options import add_model, parser

    to = parser("x", "")
    add_model(to)
    folder = weights_of(to.parse_args(["--config", "configs/sprites.py"]))
    assert folder.parts[-3:] == ("vinf_jax", "weights", "sprites")
    wanted = load_config("configs/sprites.py").generation.to_dict()
    assert {name: describe(folder)["settings"][name] for name in wanted} == wanted
