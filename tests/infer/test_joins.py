"""The measure of videos made clip after clip, asked of a model that draws sprites."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from infer import evaluate, joins
from vinf_jax.media.captions import Facts
from vinf_jax.media.judge import keeps, kept
from vinf_jax.media.sprites import clip
from vinf_jax.programs import spoken
from vinf_jax.systems import pvdm

RED = Facts(colour="red", shape="square", background="black", pattern="plain", motion="rests")
BLUE = Facts(**vars(RED) | {"colour": "blue"})
ROUND = Facts(**vars(RED) | {"shape": "circle"})


def drawn(*facts):
    """A video, 4 frames of each."""
    return np.concatenate([clip(each, frames=4, height=32, width=32) for each in facts])


class Painter:
    """Draws red squares; number 1 of every seed turns blue after two of three clips."""

    settings, clip_frames = SimpleNamespace(fps=8), 4

    def __init__(self):
        self.asked = []

    def generate(self, *, frames, videos, seed, on_step, **how):
        self.asked.append({"frames": frames, "videos": videos, "seed": seed, **how})
        return np.stack([drawn(RED, RED, BLUE if n == 1 else RED) for n in range(videos)])


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    painter = Painter()
    monkeypatch.setattr(pvdm.PVDM, "load", lambda folder: painter)

    def go(*words):
        out = tmp_path / "joins.json"
        asked = ["joins", "--checkpoint", str(tmp_path), "--out", str(out), "--force", *words]
        status = spoken(evaluate.main, asked)
        record = json.loads(out.read_text()) if out.exists() else {}
        return status, record, painter.asked, capsys.readouterr()

    return go


def test_what_is_kept_fact_by_fact():
    assert kept(drawn(RED, RED), 4) == {"colour": True, "shape": True}
    assert kept(drawn(RED, BLUE), 4) == {"colour": False, "shape": True}
    assert kept(drawn(RED, ROUND), 4) == {"colour": True, "shape": False}
    assert kept(np.zeros((8, 32, 32, 3), np.uint8), 4) == {"colour": False, "shape": False}
    assert keeps(drawn(RED, RED), 4) and not keeps(drawn(RED, BLUE), 4)


def test_videos_are_counted_over_seeds(run, tmp_path):
    words = ("--videos", "6", "--frames", "12", "--together", "4", "--seed", "4", "--steps", "3")
    status, record, asked, said = run(*words)
    assert [(made["seed"], made["videos"], made["steps"]) for made in asked] == [
        (4, 4, 3),
        (5, 2, 3),
    ]
    both = [each["kept"]["both"] for each in record["videos"]]
    assert both == [True, False, True, True, True, False]
    assert record["rates"]["both"]["right"] == 4 and record["rates"]["shape"]["share"] == 1
    assert status == 1 and record["reached"] is False
    assert "80% missed" in said.out and (tmp_path / "joins.png").exists()


def test_one_video_that_stays_is_enough_of_one(run):
    status, record, _, _ = run("--videos", "1", "--frames", "12")
    assert status == 0 and record["reached"] is True


def test_mistakes_are_one_message(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joins, "shipped", lambda name: tmp_path / name)
    assert spoken(evaluate.main, ["joins", "--videos", "0"]) == 2
    said = capsys.readouterr().err
    assert "videos: 0" in said and "pvdm_sprites; train one" in said
