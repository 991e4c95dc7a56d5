"""The one training loop: steps, progress, metrics, checkpoints, exact resume."""

import contextlib
import json
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax

from vinf_jax.media.target import replacing
from vinf_jax.training.state import State, named, unnamed

Batch = Any
Update = Callable[[State, Batch], tuple[State, Mapping[str, Any]]]
WATCHED = ("loss", "gradient")
"""Metrics without which there is no next step: a loss may be finite where its slope is not."""


class Metrics:
    """One JSON object per line; a resumed run forgets the lines after the step it resumes from."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        kept = [line for line in logged(path) if line["step"] <= step]
        with replacing(path, overwrite=True) as file:
            file.write_text("".join(json.dumps(line) + "\n" for line in kept))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")


def logged(path: Path) -> list[dict[str, Any]]:
    """The lines that `Metrics` wrote, without one that a kill cut short; none without a file."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def resume(state: State, checkpoints: Any) -> tuple[State, int]:
    """The newest checkpoint's state and step, or the given state and 0 where there is none."""
    step = checkpoints.latest()
    if step is None:
        return state, 0
    like = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state
    )
    return unnamed(checkpoints.load(step, named(like)), like), step


def fit(
    update: Update,
    state: State,
    batch: Callable[[int], Batch],
    *,
    start: int,
    steps: int,
    checkpoints: Any,
    metrics: Metrics,
    save_every: int,
    log_every: int = 10,
    on_step: Callable[[int, Mapping[str, float]], None] = lambda step, values: None,
    on_save: Callable[[int, State], None] = lambda step, state: None,
    metadata: Mapping[str, Any] | None = None,
    told: Callable[[int], str] = lambda step: "",
    over: Callable[[], bool] = lambda: False,
    kept: Callable[[State], State] = lambda state: state,
) -> State:
    """Runs steps start .. steps - 1, or until it is `over`, and returns the last state.

    batch: step -> what `update` takes; it depends on the step alone, and is made one step ahead in
    a thread. Since the state is saved whole, a run that is killed and resumed gives the same
    numbers as one that is not. on_step: after every logged step. on_save: after every checkpoint.
    told: what a step's batch holds, in words. over: asked after every step. kept: what of the state
    is saved. Among the metrics are "seconds" of a step since the last logged one, saving aside, and
    "waited", those of them in which there was no batch yet.

    Raises:
        ValueError: a loss or gradient that is not finite, with the step, its batch and the last
            good checkpoint. It is noticed before anything is saved.
    """
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(batch, start)
        since, waited, logged_at = time.perf_counter(), 0.0, start
        found: dict[int, dict[str, Any]] = {}
        for step in range(start, steps):
            asked = time.perf_counter()
            here = coming.result()
            waited += time.perf_counter() - asked
            if step + 1 < steps:
                coming = ahead.submit(batch, step + 1)
            state, values = update(state, here)
            found[step] = {name: values[name] for name in WATCHED if name in values}
            done = step + 1
            last = done == steps or over()
            log, save = (done % every == 0 or last for every in (log_every, save_every))
            if log or save:
                _refuse_broken(found, checkpoints, told)
                found.clear()
            if log:
                values = {name: float(value) for name, value in values.items()}
                now, count = time.perf_counter(), done - logged_at
                values |= {"seconds": (now - since) / count, "waited": waited / count}
                since, waited, logged_at = now, 0.0, done
                metrics.write(done, values)
                on_step(done, values)
            if save:
                began = time.perf_counter()
                checkpoints.save(done, named(kept(state)), metadata)
                on_save(done, state)
                since += time.perf_counter() - began
            if last:
                break
    return state


def _refuse_broken(
    found: Mapping[int, Mapping[str, Any]], checkpoints: Any, told: Callable[[int], str]
) -> None:
    for step, values in found.items():
        broken = {name: float(x) for name, x in values.items() if not math.isfinite(x)}
        if not broken:
            continue
        name, value = next(iter(broken.items()))
        words, good = told(step), checkpoints.latest()
        whose = f", whose batch is {words}" if words else ""
        last = f"the last good checkpoint is step {good}", "resume from it"
        left, what = ("there is no checkpoint yet", "begin again") if good is None else last
        raise ValueError(
            f"the {name} became {value} at step {step + 1}{whose}; {left}: lower the learning rate "
            f"and {what}"
        )
