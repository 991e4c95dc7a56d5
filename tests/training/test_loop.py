"""The training loop on a model of three numbers: resume, metrics, average, frozen parameters."""

import json
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.tolerances import EXACT, OP
from vinf_jax.checkpoint.numbered import Checkpoints
from vinf_jax.training import loop
from vinf_jax.training.clock import Clock
from vinf_jax.training.loop import Metrics, fit, logged, resume
from vinf_jax.training.state import adam, adamw, begin, muon, named, unnamed, updater

STEPS = 12


def _lines(path):
    return path.read_text().splitlines()


def loss(parameters, batch, key):
    noise = 0.01 * jax.random.normal(key, batch["y"].shape)
    error = batch["x"] @ parameters["a.kernel"] + parameters["b"] - batch["y"] + noise
    return (error**2).mean(), {"bias": parameters["b"]}


def batch(step):
    x = np.random.default_rng(step).normal(size=(8, 2)).astype(np.float32)
    return {"x": x, "y": x @ np.float32([2, -1]) + np.float32(0.5)}


def run(folder, *, until=STEPS, broken_at=None, rate=0.1):
    parameters = {"a.kernel": jnp.zeros(2), "b": jnp.zeros(())}
    optimiser = adam(rate, steps=STEPS, warmup=2)
    update = updater(loss, optimiser, decay=0.9, key=jax.random.key(0))
    checkpoints = Checkpoints(folder / "checkpoints")
    state, start = resume(begin(parameters, optimiser), checkpoints)
    seen = []

    def made(step):
        if step == broken_at:
            raise KeyboardInterrupt
        values = batch(step)
        return values if until >= 0 else {**values, "y": values["y"] * np.nan}

    state = fit(
        update,
        state,
        made,
        start=start,
        steps=abs(until),
        checkpoints=checkpoints,
        metrics=Metrics(folder / "metrics.jsonl", start),
        save_every=4,
        log_every=1,
        on_step=lambda step, values: seen.append(step),
        told=lambda step: f"row {step}",
    )
    return state, seen


def test_resumed_run_equals_uninterrupted_run(tmp_path):
    whole, _ = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", broken_at=7)
    resumed, seen = run(tmp_path / "cut")
    assert seen[0] == 5, "the newest checkpoint is that of step 4"
    for name, value in named(whole).items():
        np.testing.assert_allclose(named(resumed)[name], value, rtol=EXACT, atol=EXACT)
    losses = [
        [json.loads(line)["loss"] for line in _lines(tmp_path / name / "metrics.jsonl")]
        for name in ("whole", "cut")
    ]
    assert losses[0] == losses[1] and len(losses[0]) == STEPS


def test_it_learns(tmp_path):
    state, _ = run(tmp_path, rate=0.5)
    lines = [json.loads(line) for line in _lines(tmp_path / "metrics.jsonl")]
    assert lines[-1]["loss"] < lines[0]["loss"] / 4
    assert int(state["step"]) == STEPS


def test_average_follows_the_parameters():
    parameters = {"a.kernel": jnp.ones(2), "b": jnp.zeros(())}
    optimiser = adam(0.1, steps=10, warmup=1)
    update = updater(loss, optimiser, decay=0.5, key=jax.random.key(0))
    state = begin(parameters, optimiser)
    average = np.zeros(())
    for step in range(6):
        state, _ = update(state, batch(step))
        keep = min(0.5, (1 + step) / (10 + step))
        average = keep * average + (1 - keep) * np.asarray(state["parameters"]["b"])
    np.testing.assert_allclose(state["average"]["b"], average, atol=OP)


def test_loss_that_is_not_finite_stops_with_the_last_good_checkpoint(tmp_path):
    run(tmp_path, until=8)
    with pytest.raises(
        ValueError,
        match=r"the loss became nan at step 9, whose batch is row 8;.*checkpoint is step 8",
    ):
        run(tmp_path, until=-STEPS)


def test_slope_that_is_not_finite_is_not_saved(tmp_path):
    checkpoints, metrics = Checkpoints(tmp_path / "checkpoints"), Metrics(tmp_path / "m.jsonl", 0)
    message = "the gradient became inf at step 2; there is no checkpoint yet: lower the learning"
    with pytest.raises(ValueError, match=message):
        fit(
            lambda state, batch: (state, {"loss": 1.0, "gradient": [1.0, np.inf][batch]}),
            begin({"a": jnp.zeros(())}, adam(0.1, steps=4, warmup=1)),
            lambda step: step,
            start=0,
            steps=2,
            checkpoints=checkpoints,
            metrics=metrics,
            save_every=2,
        )
    assert checkpoints.latest() is None


def test_metrics_forget_what_a_kill_cut_short(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 3}\n{"step": 5, "loss": 2}\n{"step": 6, "lo')
    Metrics(path, 4).write(5, {"loss": 1.0})
    assert [json.loads(line) for line in _lines(path)] == [
        {"step": 1, "loss": 3},
        {"step": 5, "loss": 1.0},
    ]


def test_metrics_are_whole_whenever_a_kill_comes(tmp_path, monkeypatch):
    path = tmp_path / "metrics.jsonl"
    Metrics(path, 0).write(1, {"loss": 3.0})

    def killed(self, text):
        with self.open("w") as file:
            file.write(text[:5])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        Metrics(path, 1)
    assert logged(path) == [{"step": 1, "loss": 3.0}]


def test_names_go_both_ways():
    state = begin({"a.kernel": jnp.ones(2), "b": jnp.zeros(())}, adam(1.0, steps=4, warmup=1))
    flat = named(state)
    assert "parameters/a.kernel" in flat and "step" in flat
    back = unnamed(flat, state)
    assert jax.tree.structure(back) == jax.tree.structure(state)


def test_muon_moves_kernels_as_matrices_and_the_rest_as_adam_would():
    parameters = {"a.kernel": jnp.zeros((3, 2, 4)), "b.bias": jnp.zeros(4)}
    kernel = jax.random.normal(jax.random.key(0), (3, 2, 4)) + 5.0
    slopes = {"a.kernel": kernel, "b.bias": jnp.array([1.0, -2, 3, 0])}
    optimiser = muon(0.1, steps=4, warmup=1)
    state = optimiser.init(parameters)
    for _ in range(2):  # the first step of a warm-up stands still
        moves, state = optimiser.update(slopes, state, parameters)
    size = float(jnp.abs(moves["b.bias"][0]))
    np.testing.assert_allclose(moves["b.bias"], size * np.float32([-1, 1, -1, 0]), atol=OP)
    lengths, raw = (
        np.linalg.svd(np.reshape(x, (6, 4)), compute_uv=False) for x in (moves["a.kernel"], kernel)
    )
    assert lengths[0] / lengths[-1] < 2 < 10 < raw[0] / raw[-1], "nearly orthogonal"


def test_training_that_lasts_a_given_time(tmp_path):
    now = [0.0]
    clock = Clock(10.0, now=lambda: now[0])
    parameters = {"a": jnp.zeros(())}
    rule = adamw(0.1)
    plain = updater(
        lambda p, batch, key: (p["a"] * batch, {}), rule, decay=0, key=jax.random.key(0)
    )
    update, moved = clock.timed(plain), []
    state = begin(parameters, rule, timed=True)
    for now[0] in (0.0, 5.0, 10.0):
        before = float(state["parameters"]["a"])
        state, _ = update(state, jnp.ones(()))
        moved.append(before - float(state["parameters"]["a"]))
    np.testing.assert_allclose(moved, [0.1, 0.0505, 0.001], rtol=0.01)
    assert clock.over() and float(state["share"]) == 1
    rest = Clock(10.0, share=0.75, now=lambda: now[0])
    now[0] = 12.0
    assert not rest.over() and rest.share == pytest.approx(0.95)


def test_seconds_of_a_step_are_those_since_the_last_logged_one(tmp_path, monkeypatch):
    now = [0.0]

    def passed(seconds):
        now[0] += seconds

    def step(state, batch):
        passed(1.0)
        return state, {"loss": 0.0}

    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    fit(
        step,
        begin({"a": jnp.zeros(())}, adam(0.1, steps=4, warmup=1)),
        lambda step: step,
        start=3,
        steps=12,
        checkpoints=Checkpoints(tmp_path / "checkpoints"),
        metrics=Metrics(tmp_path / "m.jsonl", 3),
        save_every=7,
        log_every=5,
        on_save=lambda step, state: passed(100.0),
    )
    lines = [json.loads(line) for line in _lines(tmp_path / "m.jsonl")]
    assert [(line["step"], line["seconds"]) for line in lines] == [(5, 1.0), (10, 1.0), (12, 1.0)]


def test_it_ends_when_it_is_over(tmp_path):
    asked = iter([False, False, True])
    state, folder = begin({"a": jnp.zeros(())}, adam(0.1, steps=4, warmup=1)), tmp_path
    checkpoints, metrics = Checkpoints(folder / "checkpoints"), Metrics(folder / "m.jsonl", 0)
    fit(
        lambda state, batch: (state, {"loss": 0.0}),
        state,
        lambda step: step,
        start=0,
        steps=100,
        checkpoints=checkpoints,
        metrics=metrics,
        save_every=50,
        over=lambda: next(asked),
    )
    assert checkpoints.latest() == 3
    assert [json.loads(line)["step"] for line in _lines(folder / "m.jsonl")] == [3]
