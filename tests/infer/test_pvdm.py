"""`python -m infer pvdm` as a person meets it: files, records, mistakes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infer import joins, pvdm
from tests.tiny_pvdm import tiny_pvdm
from vinf_jax.media.video import read_video
from vinf_jax.programs import spoken


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pvdm") / "model"
    tiny_pvdm().save(folder, provenance={"steps": 7})
    return folder


def run(*words):
    return spoken(pvdm.main, [str(word) for word in words])


def test_several_videos_their_sheet_and_their_record(checkpoint, tmp_path):
    out = tmp_path / "made.mp4"
    asked = ("--checkpoint", checkpoint, "--frames", 6, "--videos", 2, "--seed", 4)
    assert run(*asked, "--later-steps", 1, "--scale", 2, "--out", out) == 0
    direct = tiny_pvdm().generate(frames=6, videos=2, seed=4, later_steps=1)
    for n in range(2):
        frames = read_video(tmp_path / f"made-{n}.mp4")[0]
        assert frames.shape == (6, 32, 32, 3)
        near = frames[:, ::2, ::2].astype(int) - direct[n]
        assert np.abs(near).mean() < 12  # the codec halves the colours
    with Image.open(tmp_path / "made.png") as sheet:
        assert min(sheet.size) > 32
    record = json.loads((tmp_path / "made.json").read_text())
    assert record["settings"]["later_steps"] == 1
    assert record["settings"]["seed"] == 4
    assert record["trained"] == {"steps": 7}
    assert {"denoise", "write", "total"} <= set(record["timings"])
    assert "python -m infer pvdm" in record["command"]


def test_nothing_is_overwritten_and_every_mistake_is_said_once(checkpoint, tmp_path, capsys):
    out = tmp_path / "there.mp4"
    out.write_bytes(b"mine")
    asked = ("--checkpoint", checkpoint, "--out", out, "--frames", 0, "--steps", 2000)
    assert run(*asked) == 2
    said = capsys.readouterr().err
    for words in ("there.mp4 exists", "frames: 0", "steps: steps=2000"):
        assert said.count(words) == 1
    assert "Traceback" not in said
    assert out.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--guidance", "nan"), "guidance: nan; give a finite number"),
        (("--guidance", "inf"), "guidance: inf; give a finite number"),
        (("--out", "."), "'.' names no file"),
        (("--scale", 0), "scale is 0; it must be 1 or more"),
    ],
)
def test_numbers_that_do_not_fit_are_said_before_the_work(
    checkpoint, tmp_path, capsys, words, said
):
    asked = ("--checkpoint", checkpoint, "--frames", 2, "--steps", 1, "--out", tmp_path / "a.mp4")
    assert run(*asked, *words) == 2
    assert said in capsys.readouterr().err and not list(tmp_path.glob("a*"))


def test_a_model_that_is_missing_or_something_else(tmp_path, capsys):
    assert run("--checkpoint", tmp_path / "none", "--out", tmp_path / "a.avi") == 2
    said = capsys.readouterr().err
    assert "there is no folder" in said
    assert "a.mp4 would fit" in said
    assert run("--checkpoint", tmp_path, "--out", tmp_path / "a.mp4") == 2
    assert "checkpoint:" in capsys.readouterr().err


def test_what_make_demo_pvdm_runs(checkpoint, tmp_path, monkeypatch, capsys):
    """The very words of the Makefile, with the tiny model in place of the shipped one; first
    without any."""
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    (line,) = [line for line in makefile.splitlines() if "-m infer pvdm " in line]
    words = line.split("-m infer pvdm ")[1].split()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joins, "shipped", lambda name: tmp_path / name)
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert "there is no folder" in said and "pvdm_sprites; train one" in said
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(joins, "shipped", lambda name: checkpoint)
    assert run(*words, "--scale", 1, "--later-steps", 1) == 0
    said = capsys.readouterr().out
    assert "out/pvdm-0.mp4 to out/pvdm-3.mp4: 128 frames, 16 s each" in said
    videos = sorted((tmp_path / "out").glob("pvdm-*.mp4"))
    assert [len(read_video(path)[0]) for path in videos] == [128] * 4
