"""The measures, asked of a model that draws what a caption says, or something else."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from infer import evaluate
from infer.options import refuse
from vinf_jax.media.captions import Facts, parse
from vinf_jax.media.sprites import clip
from vinf_jax.media.video import VideoWriter
from vinf_jax.programs import spoken
from vinf_jax.systems.video_infinity.prompts import even_ranges


class Painter:
    """Draws its prompts, each in its share of the video; `wrong` facts replace those asked for."""

    settings = SimpleNamespace(fps=8, clip_frames=16, scope={"preset": "base"}, crossfade=4)

    def __init__(self, noise: int = 0, **wrong: str):
        self.noise, self.wrong, self.asked = noise, wrong, []

    def stream(self, prompts, *, frames, clips=1, **how):
        if clips > frames:
            refuse([f"clips: {clips}"])

    def generate(self, prompts, *, frames, seed, clips=1, on_step=None, **how):
        self.asked.append({"prompts": list(prompts), "seed": seed, "clips": clips, **how})
        on_step(SimpleNamespace(stage="denoise", step=0, steps=1))
        parts = [
            clip(self._facts(prompt), seed=seed, frames=stop - start, height=32, width=32)
            for prompt, (start, stop) in zip(
                prompts, even_ranges(len(prompts), frames), strict=True
            )
        ]
        video = np.concatenate(parts)
        video[:, 0, 0, 0] ^= self.noise if clips > 1 else 0
        return video

    def _facts(self, prompt: str) -> Facts:
        facts = vars(parse(prompt)) | self.wrong
        return Facts(**{name: value or _PLAIN[name] for name, value in facts.items()})


_PLAIN = {"colour": "red", "shape": "square", "background": "black", "pattern": "plain"}
_PLAIN |= {"motion": "rests"}


@pytest.fixture
def run(given, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("infer.record.digest", lambda folder: "0" * 64)

    def go(model, measure: str, *words: str) -> tuple[int, dict, str]:
        given(model)
        out = tmp_path / f"{measure}.json"
        status = spoken(evaluate.main, [measure, *words, "--out", str(out), "--force"])
        record = json.loads(out.read_text()) if out.exists() else {}
        return status, record, capsys.readouterr().out

    return go


def test_a_perfect_model_reaches_everything(run, tmp_path):
    model = Painter()
    status, record, table = run(model, "clips", "--prompts", "14", "--seed", "3", "--steps", "5")
    assert status == 0 and record["reached"] is True
    assert set(record["rates"]) == {"colour", "background", "shape", "direction", "motion"}
    assert all(rate["share"] >= 0.8 for rate in record["rates"].values())
    assert record["rates"]["direction"]["total"] == 8
    assert record["rates"]["colour"]["interval"] == pytest.approx([0.7847, 1.0], abs=1e-4)
    assert [asked["seed"] for asked in model.asked] == list(range(3, 17))
    assert model.asked[0]["steps"] == 5 and model.asked[0]["scope"] == {"preset": "base"}
    assert len({clip["prompt"] for clip in record["clips"]}) == 14
    assert "95% " in table and (tmp_path / "clips.png").stat().st_size > 1000


def test_a_model_that_paints_one_shape_misses_it(run):
    status, record, table = run(Painter(shape="cross"), "clips", "--prompts", "14")
    assert status == 1 and record["reached"] is False
    assert record["rates"]["colour"]["reached"] and not record["rates"]["shape"]["reached"]
    assert "80% missed" in table


def test_long_videos_are_judged_away_from_the_cross_fade(run):
    model = Painter()
    status, record, _ = run(model, "long", "--seeds", "2", "--frames", "24", "--clips", "3")
    assert status == 0
    assert record["rates"]["all three"]["total"] == 2 * (24 - 4)
    assert [video["seed"] for video in record["videos"]] == [0, 1]
    assert len({prompt for video in record["videos"] for prompt in video["prompts"]}) == 4
    assert all(asked["clips"] == 3 and asked["crossfade"] == 4 for asked in model.asked)


def test_long_videos_of_one_prompt_that_shows_everywhere_miss(run):
    words = ("--prompts", "a red square rests", "a red circle rests")
    model = Painter(shape="circle")
    status, record, table = run(
        model, "long", "--seeds", "2", "--frames", "20", "--crossfade", "0", *words
    )
    assert status == 1
    rates = record["rates"]
    assert rates["colour"]["share"] == 1 and rates["shape"]["share"] == 0.5
    assert rates["all three"]["share"] == 0.5 and rates["all three"]["total"] == 40
    assert "seed 1" in table and "all three in 80%" in table


@pytest.mark.parametrize(("noise", "status"), [(0, 0), (1, 0), (64, 1)])
def test_device_counts_are_compared_with_the_first(run, noise, status):
    words = ("--frames", "6", "--clips", "1", "2", "3")
    found, record, _ = run(Painter(noise), "devices", *words)
    assert found == status
    assert [row["clips"] for row in record["devices"]] == [1, 2, 3]
    assert [row["worst"] for row in record["devices"]] == [0, noise, noise]


def test_a_video_file_is_judged(run, tmp_path):
    prompts = ["a red square rests", "a blue circle rests over a gray background"]
    frames = Painter().generate(prompts, frames=10, seed=0, on_step=lambda progress: None)
    with VideoWriter(tmp_path / "a.mp4", 8, 32, 32, scale=4) as video:
        video.write(frames)
    words = (str(tmp_path / "a.mp4"), "--prompts", *prompts)
    status, record, _ = run(None, "video", *words)
    assert status == 0 and record["rates"]["all three"]["share"] == 1
    assert record["weights"] is None
    status, record, _ = run(None, "video", *words[:-1], "a green circle")
    assert record["rates"]["all three"]["share"] == 0.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["clips", "--prompts", "100000"], "count is 100000"),
        (["clips", "--prompts", "0"], "prompts: 0; give 1 or more"),
        (["long", "--frames", "-5"], "frames: -5; give 1 or more"),
        (["video", "a.mp4", "--prompts", "a red square", "--crossfade", "-5"], "crossfade: -5"),
        (["video", "a.mp4", "--prompts", "a red square", "--steps", "5"], "--steps is no flag"),
        (["clips", "--out", "a.txt"], "a.txt should end with .json"),
        (["long", "--seeds", "0"], "seeds: 0"),
        (["long", "--prompts", "a"], "prompts: 'a': "),
        (["video", "a.mp4", "--prompts", "a dog"], "prompts: 'a dog': "),
        (["devices", "--clips", "1", "50"], "clips: 50"),
        (["video", "none.mp4", "--prompts", "a red square"], "none.mp4: there is no such file"),
        (["clips", "--out", "."], "'.' names no file"),
        (["clips", "--out", ""], "'' names no file"),
        (["clips", "--out", "/"], "'/' names no file"),
        (["clips", "--seed", "-1"], "'-1'; give a whole number from 0"),
        (["long", "--seed", "-1"], "'-1'; give a whole number from 0"),
        (["fvd", "--real", "a", "--fake", "b", "--seed", "-1"], "'-1'; give a whole number"),
        (["vbench", "a", "--seed", "-1"], "'-1'; give a whole number from 0"),
        (["measures", "a", "--seed", "-1"], "'-1'; give a whole number from 0"),
        (["clip"], "invalid choice: 'clip'"),
        (["clips", "--unet.layer", "2"], "did you mean --unet.layers?"),
    ],
)
def test_mistakes_are_one_message(given, tmp_path, monkeypatch, capsys, words, said):
    model = Painter()
    given(model)
    monkeypatch.chdir(tmp_path)
    assert spoken(evaluate.main, words) == 2 and not model.asked
    (message,) = [line for line in capsys.readouterr().err.splitlines() if ": start" not in line]
    assert message.startswith("error: ") and said in message
    assert list(tmp_path.iterdir()) == []
