"""The doors of the measuring programs; nothing is measured here."""

import importlib
import time
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import gpu, gpu_kernels
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


def test_weights_are_the_same_each_time_and_keep_their_size():
    shapes = {"a.weight": (64, 32, 3, 3), "a.bias": (64,), "norm.weight": (64,)}
    first, again = Tensors(shapes), Tensors(shapes)
    for name in shapes:
        np.testing.assert_array_equal(first[name], again[name])
        assert first[name].dtype == np.float32
    assert abs(first["a.weight"].std() * np.sqrt(32 * 9) - 1) < 0.05
    assert abs(first["norm.weight"].mean() - 1) < 0.1
    assert not np.array_equal(first["a.bias"], first["norm.weight"] - 1)


def test_a_part_without_time_is_left_out(tmp_path):
    found = gpu._done("clip", tmp_path, time.time() + 10, True)
    assert "takes 30 or more" in found["left_out"]
    found = gpu._done("whole", tmp_path, time.time() + 1000, True)
    assert found["left_out"].startswith("it takes an unknown time")
    (tmp_path / "long.json").write_text('{"job_seconds": 2000}')
    found = gpu._done("whole", tmp_path, time.time() + 1000, True)
    assert found["left_out"].startswith("it takes about 2000 s")


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
