"""`python -m infer pvdm` as a person meets it: files, records, mistakes."""

import json

import numpy as np
import pytest
from PIL import Image

from infer import pvdm
from tests.tiny_pvdm import tiny_pvdm
from vinf_jax.media.video import read_video
from vinf_jax.programs import spoken

pytestmark = pytest.mark.usefixtures("unoptimised")


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


def test_a_model_that_is_missing_or_something_else(tmp_path, capsys):
    assert run("--checkpoint", tmp_path / "none", "--out", tmp_path / "a.avi") == 2
    said = capsys.readouterr().err
    assert "there is no folder" in said
    assert "a.mp4 would fit" in said
    assert run("--checkpoint", tmp_path, "--out", tmp_path / "a.mp4") == 2
    assert "checkpoint:" in capsys.readouterr().err
