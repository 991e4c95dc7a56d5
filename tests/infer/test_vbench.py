"""Clips for VBench, its commands, its results: with a program in its place that leaves files as it
does."""

import json
import sys

import numpy as np
import pytest

from infer import evaluate
from infer.films import films
from infer.vbench_layout import DIMENSIONS, file_name, laid_out
from tests.infer.test_films import BLUE, RED, left, painted
from vinf_jax.media.video import read_video
from vinf_jax.programs import spoken

VBENCH = f"""#!{sys.executable}
import json, pathlib, sys
told = dict(zip(sys.argv[2::2], sys.argv[3::2]))
assert sys.argv[1] == "evaluate" and told["--mode"] == "custom_input"
clips = sorted(pathlib.Path(told["--videos_path"]).glob("*.mp4"))
out, dimension = pathlib.Path(told["--output_path"]), told["--dimension"]
out.mkdir(parents=True, exist_ok=True)
score = 0.5 if dimension == "dynamic_degree" else 0.9
each = [{{"video_path": str(clip), "video_results": score}} for clip in clips]
(out / "results_now_eval_results.json").write_text(json.dumps({{dimension: [score, each]}}))
(out / "results_now_full_info.json").write_text("[]")
"""


@pytest.fixture
def folder(tmp_path):
    for name, prompt in (("ours/a", RED), ("ours/b", BLUE), ("theirs/a", RED)):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        method = name.partition("/")[0]
        left(tmp_path / "in" / f"{name}.mp4", painted(prompt, frames=8), [prompt], method=method)
    return tmp_path / "in"


@pytest.fixture
def run(folder, tmp_path, capsys):
    def go(program, *words):
        argv = ["vbench", str(folder), "--length", "4", "--clips", "2", "--program", str(program)]
        argv += ["--layout", str(tmp_path / "bench"), "--out", str(tmp_path / "x.json")]
        status = spoken(evaluate.main, [*argv, "--force", *map(str, words)])
        said = capsys.readouterr()
        return status, tmp_path / "bench", said.out + said.err

    return go


def test_clips_are_named_by_prompt_and_cut_alike_for_all_methods(folder, tmp_path):
    layout = laid_out(tmp_path / "bench", films(folder), clips=5, length=4, seed=0)
    assert set(layout.groups) == {"ours-8", "theirs-8"}
    names = sorted(path.name for path in layout.groups["ours-8"].glob("*.mp4"))
    assert names == sorted(
        [f"{RED}-{n}.mp4" for n in range(5)] + [f"{BLUE}-{n}.mp4" for n in range(5, 10)]
    )
    prompts = json.loads((layout.groups["ours-8"] / "prompts.json").read_text())
    assert set(prompts) == set(names) and prompts[f"{BLUE}-7.mp4"] == BLUE
    cut = json.loads((tmp_path / "bench/clips.json").read_text())["files"]
    starts = {name: said["first_frame"] for name, said in cut.items()}
    for n in range(5):
        assert starts[f"ours-8/{RED}-{n}.mp4"] == starts[f"theirs-8/{RED}-{n}.mp4"] <= 4
    frames, fps = read_video(layout.groups["ours-8"] / f"{RED}-0.mp4")
    start = starts[f"ours-8/{RED}-0.mp4"]
    assert frames.shape == (4, 32, 32, 3) and fps == 8
    made = painted(RED, frames=8)[start : start + 4]
    assert np.abs(frames.astype(int) - made).mean() < 4


def test_clips_of_another_kind_do_not_mix(folder, tmp_path):
    laid_out(tmp_path / "bench", films(folder), clips=1, length=4, seed=0)
    with pytest.raises(ValueError, match="'length': 4, 'seed': 0}, not of"):
        laid_out(tmp_path / "bench", films(folder), clips=1, length=3, seed=0)
    with pytest.raises(ValueError, match=r"length: 9 frames, but .* has 8"):
        laid_out(tmp_path / "other", films(folder), clips=1, length=9, seed=0)


def test_clips_of_another_video_are_cut_anew_and_their_results_removed(run, folder, tmp_path):
    program = tmp_path / "vbench"
    program.write_text(VBENCH)
    program.chmod(0o755)
    _, bench, _ = run(program)
    clip = bench / f"theirs-8/{RED}-0.mp4"
    before = clip.read_bytes()
    left(folder / "theirs/0.mp4", 255 - painted(RED, frames=8), [RED], method="theirs")
    program.write_text("#!/bin/sh\nexit 3\n")
    status, _, said = run(program)
    assert status == 2 and "of theirs-8" in said, "ours-8, which is the same, keeps its results"
    assert read_video(clip)[0].mean() > 128 and (bench / f"theirs-8/{RED}-2.mp4").is_file()
    program.write_text(VBENCH)
    assert run(program)[0] == 0
    (folder / "theirs/0.npz").unlink()
    (folder / "theirs/0.mp4").unlink()
    program.write_text("#!/bin/sh\nexit 3\n")
    status, _, said = run(program)
    assert status == 2 and "of theirs-8" in said
    assert clip.read_bytes() == before and not (bench / f"theirs-8/{RED}-2.mp4").exists()


def test_the_same_path_with_another_video_is_cut_anew(run, folder, tmp_path):
    program = tmp_path / "vbench"
    program.write_text(VBENCH)
    program.chmod(0o755)
    _, bench, _ = run(program)
    stray = bench / "ours-8/left.mp4"
    stray.write_bytes((bench / f"ours-8/{RED}-0.mp4").read_bytes())
    assert run(program, "--program", program)[0] == 0 and not stray.exists()
    (folder / "theirs/a.mp4").unlink()
    left(folder / "theirs/a.mp4", 255 - painted(RED, frames=8), [RED], method="theirs")
    program.write_text("#!/bin/sh\nexit 3\n")
    status, _, said = run(program)
    assert status == 2 and "of theirs-8" in said
    assert read_video(bench / f"theirs-8/{RED}-0.mp4")[0].mean() > 128


def test_a_damaged_list_of_clips_is_named(run):
    _, bench, _ = run("no-such-vbench")
    (bench / "clips.json").write_text('{"how": ')
    status, _, said = run("no-such-vbench")
    assert status == 2 and "clips.json is no JSON" in said


def test_without_vbench_the_clips_and_commands_are_left_and_that_is_said(run):
    status, bench, said = run("no-such-vbench")
    assert status == 2
    assert "there is no no-such-vbench on this machine" in said and "run.sh" in said
    script = (bench / "run.sh").read_text()
    line = "no-such-vbench evaluate --videos_path ours-8 --dimension motion_smoothness --mode"
    assert line in script and script.count("evaluate") == 2 * len(DIMENSIONS)


def test_vbench_is_run_once_for_each_method_and_dimension(run, tmp_path):
    program = tmp_path / "vbench"
    program.write_text(VBENCH)
    program.chmod(0o755)
    status, bench, said = run(program)
    assert status == 0, said
    record = json.loads((tmp_path / "x.json").read_text())["vbench"]
    assert set(record) == {"ours-8", "theirs-8"}
    assert record["ours-8"]["mean"] == pytest.approx((6 * 0.9 + 0.5) / 7)
    assert record["ours-8"]["without motion"] == pytest.approx(0.9)
    program.write_text("#!/bin/sh\nexit 3\n")
    assert run(program)[0] == 0, "what is there is not asked for again"
    result = bench / "results/theirs-8/imaging_quality/results_now_eval_results.json"
    result.unlink()
    status, _, said = run(program)
    assert status == 2 and "no result for imaging_quality of theirs-8 (exit status 3)" in said
    result.write_text("{}")
    status, _, said = run(program)
    assert status == 2 and "is no result of VBench for imaging_quality" in said


def test_names_of_files_hold_what_they_can_of_a_prompt():
    assert file_name("a/b: c?") == "a_b_ c_"
    assert len(file_name("ä" * 500).encode()) <= 180 and file_name("...") == "video"
