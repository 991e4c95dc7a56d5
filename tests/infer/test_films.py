"""Videos in folders: what their records say, and all measures of one."""

import json

import numpy as np
import pytest

from infer import long_measures
from infer.films import film, films, joins
from vinf_jax.checkpoint.manifest import Manifest
from vinf_jax.media.captions import parse
from vinf_jax.media.sprites import clip
from vinf_jax.media.video import VideoWriter
from vinf_jax.systems.video_infinity.job import KIND

RED = "a red square moves right over a plain gray background"
BLUE = "a blue cross rests over a striped white background"
SETTINGS = {"fps": 8, "crossfade": 4, "scope": {"preset": "base"}, "clip_frames": 8}


def painted(*prompts, frames=16, side=32):
    return np.concatenate(
        [clip(parse(text), seed=1, frames=frames, height=side, width=side) for text in prompts]
    )


def left(path, video, prompts=(RED,), exact=True, scale=2, **more):
    """A video with its record, as programs leave it."""
    with VideoWriter(path, 8, *video.shape[1:3], scale=scale) as file:
        file.write(video)
    if exact:
        np.savez_compressed(path.with_suffix(".npz"), frames=video, fps=np.float64(8))
    edges = [n * len(video) // len(prompts) for n in range(len(prompts) + 1)]
    spans = [
        {"text": text, "start": edges[n], "stop": edges[n + 1]} for n, text in enumerate(prompts)
    ]
    record = {"prompts": spans, "frames": len(video), "seed": 0, "scale": scale}
    path.with_suffix(".json").write_text(json.dumps(record | {"settings": SETTINGS} | more))
    return film(path)


def test_a_record_says_prompts_joins_method_and_seed(tmp_path):
    found = left(tmp_path / "a.mp4", painted(RED, BLUE), (RED, BLUE))
    assert (found.method, found.seed, found.joins) == ("base", 0, (8, 16, 24))
    assert found.cell == (f"{RED}, then {BLUE}", 0)
    assert found.parts(32) == [(0, 14), (18, 32)], "frames of the cross-fade do not count"
    assert [scene.facts for scene in found.scenes(32)] == [parse(RED), parse(BLUE)]
    assert left(tmp_path / "b.mp4", painted(RED), method="ours", joins=[5]).joins == (5,)


def test_scenes_begin_at_cuts_and_there_is_no_cross_fade_there(tmp_path):
    scope = {"preset": "video_infinity", "cuts": [16, 24]}
    settings = SETTINGS | {"scope": scope}
    found = left(tmp_path / "a.mp4", painted(RED, BLUE), (RED, BLUE), settings=settings)
    assert found.parts(32) == [(0, 16), (16, 24), (24, 32)]
    assert [scene.facts for scene in found.scenes(32)] == [
        parse(text) for text in (RED, BLUE, BLUE)
    ]


def test_frames_are_those_that_were_made_or_those_of_the_file(tmp_path):
    video = painted(RED)
    exact = left(tmp_path / "a.mp4", video).read()
    assert np.array_equal(exact[0], video) and exact[1] == 8
    coded = left(tmp_path / "b.mp4", video, exact=False).read()
    assert coded[0].shape == video.shape and abs(coded[0].astype(int) - video).mean() < 4


def test_a_video_without_a_record_has_no_prompt(tmp_path):
    with VideoWriter(tmp_path / "plain.mp4", 8, 32, 32) as file:
        file.write(painted(RED))
    found = film(tmp_path / "plain.mp4")
    assert found.scenes(16) is None and found.parts(16) == [(0, 16)] and found.joins == ()
    figures = long_measures.measured(found, *found.read(), 16)["figures"]
    assert all(figures[name] is None for name in ("identity", "following", "seams", "motion right"))
    assert figures["motion"] > 0 and 0 < figures["total"] < 1


def test_a_folder_is_read_in_natural_order_and_jobs_are_left_alone(tmp_path):
    for name in ("x/v10", "x/v9", "x/v9.job/segments/0", "work/segments/0", "vbench/base-2/0"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        left(tmp_path / f"{name}.mp4", painted(RED, frames=2))
    Manifest.begin(tmp_path / "work", kind=KIND, asked={})
    (tmp_path / "vbench/clips.json").write_text("{}")
    assert [each.path.name for each in films(tmp_path)] == ["v9.mp4", "v10.mp4"]


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(ValueError, match="there is no folder"):
        films(tmp_path / "no")
    with pytest.raises(ValueError, match="holds no video"):
        films(tmp_path)
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.json").write_text('{"prompts": [], "settings": {}}')
    with pytest.raises(ValueError, match=r"a\.json is no record of a video: KeyError\('scope'\)"):
        films(tmp_path)


@pytest.mark.parametrize("damage", ["empty", "cut", "other", "array", "text"])
def test_damaged_frames_are_named(tmp_path, damage):
    found = left(tmp_path / "a.mp4", painted(RED))
    data = found.exact.read_bytes()
    if damage == "other":
        np.savez(found.exact, pictures=np.zeros(3))
    elif damage == "array":
        with found.exact.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        parts = {"empty": b"", "cut": data[: len(data) // 2], "text": b"not frames"}
        found.exact.write_bytes(parts[damage])
    with pytest.raises(ValueError, match=r"a\.npz holds no frames of a video"):
        found.read()


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.json").write_text('{"prompts": [')
    with pytest.raises(ValueError, match=r"a\.json is no JSON"):
        film(tmp_path / "a.mp4")


def test_joins_are_those_of_ranks_waves_or_training_clips():
    assert joins(SETTINGS, 32) == [8, 16, 24]
    assert joins(SETTINGS | {"scope": {"preset": "reference", "ranks": 2}}, 32) == [16]
    assert joins(SETTINGS | {"scope": {"preset": "independent", "length": 12}}, 32) == [12, 24]
    assert joins(SETTINGS | {"wave": 12}, 24) == [8, 12, 16]
    given = [{"start": 0, "stop": 10}, {"start": 20, "stop": 24}]
    assert joins(SETTINGS, 24, given) == [8, 10, 16, 20]
    assert joins(SETTINGS | {"wave": 6}, 24, given) == [8, 10, 15, 16, 20]


def test_a_perfect_video_has_perfect_figures_and_curves(tmp_path):
    video = painted(RED, frames=48, side=64)
    found = left(tmp_path / "a.mp4", video, scale=1)
    measured = long_measures.measured(found, *found.read(), 16)
    figures = measured["figures"]
    assert figures["identity"] == figures["following"] == figures["motion right"] == 1
    assert figures["total"] > 0.9 and figures["drift"] < 0.01
    assert figures["motion"] == pytest.approx(figures["motion wanted"], rel=0.6)
    assert {name: [len(part) for part in curve] for name, curve in measured["curves"].items()} == {
        "drift": [5],
        "identity": [6],
        "following": [3],
        "motion right": [3],
    }
    assert long_measures.windows(found, video, 16).shape == (3, 16, 64, 64, 3)
    assert len(long_measures.windows(found, video, 49)) == 0
