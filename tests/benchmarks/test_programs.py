"""The doors of the measuring programs; nothing is measured here."""

import importlib
import io
import json
import os
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import all as all_programs
from benchmarks import gpu, gpu_kernels, gpu_parts, record
from benchmarks.__main__ import PROGRAMS
from benchmarks.network_work import Tensors
from infer import benchmark
from vinf_jax.programs import spoken


def main_of(name):
    return importlib.import_module(f"benchmarks.{name}").main


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main_of(name)(["--help"])
    assert stopped.value.code == 0
    assert f"python -m infer benchmark {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "argv", "said"),
    [
        ("networks", ["--tasks", "abacus"], "abacus"),
        ("layers", ["--calls", "0"], "calls: 0"),
        ("clips", ["--devices", "1", "--frames", "0"], "devices: 1; give 2 or more; frames: 0"),
        ("clips", ["--public", "nowhere"], "public: nowhere has no src/video_infinity"),
        ("frames", ["--lengths", "0"], "lengths: [0]"),
        ("start", ["--weights", "nowhere"], "no folder nowhere"),
        ("video", ["--weights", "nowhere"], "no folder nowhere"),
        ("video", [], "--weights"),
        ("cheaper", ["--weights", "nowhere"], "no folder nowhere"),
        ("cheaper", ["--weights", ".", "--prompts", "0"], "calls: 0"),
        ("pvdm_networks", ["--public", "nowhere"], "public: nowhere"),
        ("all", ["--weights", "no", "--pvdm", "way"], "no folder no; pvdm: there is no folder way"),
        ("gpu", ["--out", "x", "--minutes", "0"], "minutes: 0"),
    ],
)
def test_mistakes_are_one_message(name, argv, said, capsys):
    assert spoken(main_of(name), argv) == 2
    assert said in capsys.readouterr().err


def test_outside_a_checkout_there_is_nothing_to_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "CHECKOUT", tmp_path)
    assert spoken(benchmark.main, ["networks"]) == 2
    assert "belong to a checkout" in capsys.readouterr().err


def test_a_program_takes_the_place_of_the_command(monkeypatch):
    """Stopped, it leaves no measuring process behind."""
    became = []
    monkeypatch.setattr(benchmark.os, "execve", lambda *given: became.append(given))
    benchmark.main(["table", "--help"])
    ((program, words, environment),) = became
    assert [program, *words[1:]] == [sys.executable, "-m", "benchmarks", "table", "--help"]
    assert str(benchmark.CHECKOUT) in environment["PYTHONPATH"]


def test_the_next_program_waits_until_the_last_no_longer_counts(monkeypatch):
    loads, slept = iter([2.4, 1.3, 0.9]), []
    monkeypatch.setattr(all_programs.os, "getloadavg", lambda: (next(loads), 0.0, 0.0))
    monkeypatch.setattr(all_programs.time, "sleep", slept.append)
    all_programs.settle()
    assert len(slept) == 2
    monkeypatch.setattr(all_programs.os, "getloadavg", lambda: (9.0, 0.0, 0.0))
    all_programs.settle()
    assert sum(slept[2:]) == all_programs.SETTLING


def test_weights_are_the_same_each_time_and_keep_their_size():
    shapes = {"a.weight": (64, 32, 3, 3), "a.bias": (64,), "norm.weight": (64,)}
    first, again = Tensors(shapes), Tensors(shapes)
    for name in shapes:
        np.testing.assert_array_equal(first[name], again[name])
        assert first[name].dtype == np.float32
    assert abs(first["a.weight"].std() * np.sqrt(32 * 9) - 1) < 0.05
    assert abs(first["norm.weight"].mean() - 1) < 0.1
    assert not np.array_equal(first["a.bias"], first["norm.weight"] - 1)


@pytest.fixture
def told(monkeypatch):
    """What the parts of the GPU's program say, line by line."""
    said = io.StringIO()
    monkeypatch.setattr(gpu_parts, "OUT", said)
    return lambda: [json.loads(line) for line in said.getvalue().splitlines()]


def test_a_part_without_time_is_left_out(told):
    gpu_parts.measure(["clip", "whole"], time.time() + 10, True)
    assert [said["over"] for said in told()] == [True, True]
    assert "takes 30 or more" in told()[0]["facts"]["left_out"]
    part = gpu_parts.Part("whole", time.time() + 100, True, {"long": {"job_seconds": 2000}})
    gpu_parts.whole(part)
    assert told()[-1]["facts"]["left_out"].startswith("it takes about 2000 s")


def test_a_part_that_fails_does_not_take_the_next_ones_with_it(told, monkeypatch):
    def broken(part):
        part.say(frames=3)
        raise RuntimeError("out of memory")

    done = {"clip": broken, "decode": lambda part: part.say(frames=5)}
    monkeypatch.setattr(gpu_parts, "MEASURED", done)
    gpu_parts.measure(["clip", "decode"], time.time() + 100, True)
    first, second = [said["facts"] for said in told() if said["over"]]
    assert (first["frames"], first["failed"]) == (3, "RuntimeError: out of memory")
    assert second["frames"] == 5 and "failed" not in second


@pytest.mark.parametrize("over", [False, True])
def test_a_process_that_dies_leaves_what_it_said(tmp_path, monkeypatch, over):
    """The part that it was at has failed; those before it and behind it have not."""
    said = json.dumps({"part": "clip", "facts": {"frames": 24}, "over": over})
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{said}'\nexit 3\n")
    python.chmod(0o700)
    monkeypatch.setattr(gpu.sys, "executable", str(python))
    kept = record.Record("gpu", [], tmp_path / "gpu.json")
    names = ["clip", "decode", "long"]
    assert gpu._tried(kept, names, time.time() + 9, os.environ, True) == 1 + over
    found = json.loads((tmp_path / "gpu.json").read_text())["results"]
    assert found["clip"]["frames"] == 24
    assert found["decode" if over else "clip"]["failed"] == "its process ended with 3"
    assert "failed" not in (found["clip"] if over else {}) and "long" not in found


def line(name, *events):
    return SimpleNamespace(
        name=name, events=[SimpleNamespace(name=n, duration_ns=d) for n, d in events]
    )


def test_kernels_are_summed_by_name_and_kind():
    """Only streams of devices count: the other lines tell the same again."""
    stream = line("Stream #14(compute)", ("loop_fusion_3", 4e9), ("loop_fusion_7", 2e9))
    more = line("Stream #15", ("nvjet_hsh_128", 8e9), ("cudnn_conv_fprop", 2e9), ("fmha_x", 1e9))
    again = line("XLA Ops", ("fusion.3", 4e9))
    planes = [
        SimpleNamespace(name="/device:GPU:0", lines=[stream, more, again]),
        SimpleNamespace(name="/host:CPU", lines=[line("Stream #1", ("python", 9e9))]),
    ]
    found = gpu_kernels.summed(planes, steps=2)
    assert found["busy_seconds"] == 8.5
    assert found["kernels"][0] == {"name": "nvjet_hsh_128", "seconds": 4.0, "calls": 0.5}
    assert found["kernels"][1] == {"name": "loop_fusion", "seconds": 3.0, "calls": 1.0}
    assert found["kinds"] == {
        "matrix product": 4.0,
        "other fusion": 3.0,
        "convolution": 1.0,
        "attention": 0.5,
    }
