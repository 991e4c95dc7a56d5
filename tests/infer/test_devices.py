"""Simulated devices are there when jax starts, and only more of them than asked for otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infer.devices import described, deterministic, simulate

ROOT = Path(__file__).resolve().parents[2]
BEFORE = "from infer.devices import simulate; simulate(3); import jax; print(jax.device_count())"
BETWEEN = "import jax; from infer.devices import simulate; simulate(3); print(jax.device_count())"


@pytest.mark.parametrize(("code", "own", "count"), [(BEFORE, None, 3), (BETWEEN, "5", 5)])
def test_a_process_gets_the_devices_it_asks_for(code, own, count):
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    del environment["JAX_NUM_CPU_DEVICES"]
    environment |= {"JAX_NUM_CPU_DEVICES": own} if own else {}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert done.stdout.split() == [str(count)], done.stderr


def test_started_devices_stay():
    import jax

    before = jax.device_count()
    simulate(before + 3)
    assert jax.device_count() == before


def test_a_person_s_flags_stay(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x")
    deterministic()
    deterministic()
    assert os.environ["XLA_FLAGS"] == "--xla_dump_to=x --xla_gpu_deterministic_ops=true"


def test_the_mesh_in_words():
    assert described(3, 2) == {
        "platform": "cpu",
        "kind": "cpu",
        "devices": 6,
        "processes": 1,
        "axes": {"guidance": 2, "clip": 3},
    }
