"""What every stage of training does: phases, devices, checkpoints, progress, provenance."""

import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import flax
import jax
import numpy as np
import optax
from jax.sharding import Mesh
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vinf_jax.checkpoint.numbered import Checkpoints
from vinf_jax.parallel.mesh import BATCH, EVERYWHERE, batch_mesh, place
from vinf_jax.training.clock import Clock
from vinf_jax.training.loop import Metrics, Update, fit, resume
from vinf_jax.training.placement import PLACEMENTS
from vinf_jax.training.state import SHARE, State, adam, begin, named, unnamed, updater

SETTLED: Mapping[str, tuple[str, ...]] = {
    "autoencoder": ("seed", "fps"),
    "autoencoder_adversarial": ("seed", "fps"),
    "diffusion": ("seed", "fps", "prediction"),
}
"""Fields of a config that a run keeps, by the stages' folders: with others its shapes are the same,
but not what its numbers mean."""
OTHERS = {
    "clips": "data.folder: the clips of {data} are not those that {folder} was trained on: their "
    "names, lengths or frames are others; give the same data, or another --out",
    "autoencoder": "out: {folder} was trained on latents of another autoencoder than the newest "
    "one beside it, which was trained on since; export the model to go on with "
    "(train_diffusion.start_from) under another --out, or bring the earlier checkpoints back",
}
"""What is wrong where a stage is to go on with other things than it was trained on."""
ENDLESS = sys.maxsize
"""Steps of training that lasts a given time."""


class Phase(NamedTuple):
    """A number of steps, what makes their batches, what happens to the state before them, and what
    a step's batch holds, in words."""

    steps: int
    batch: Callable[[int], Any]
    prepare: Callable[[State], State] | None = None
    told: Callable[[int], str] = lambda step: ""


def train(
    config,
    t,
    folder: Path,
    loss: Callable,
    parameters: Mapping[str, Any],
    phases: Sequence[Phase],
    picture: Callable[[int, State], None],
    optimiser: Callable[..., optax.GradientTransformation] = adam,
    made_from: Mapping[str, str] | None = None,
) -> State:
    """Trains through all phases. made_from: as in `run`."""
    rule = optimiser(t.rate, steps=t.decay_steps, warmup=t.warmup)
    update = updater(loss, rule, decay=t.decay, key=jax.random.key(config.seed + 1))
    mesh = batch_mesh(config.devices)
    state = place(mesh, EVERYWHERE, begin(dict(parameters), rule))
    return run(config, t, folder, update, state, mesh, phases, picture, made_from)


def run(
    config,
    t,
    folder: Path,
    update: Update,
    state: State,
    mesh: Mesh,
    phases: Sequence[Phase],
    picture: Callable[[int, State], None],
    made_from: Mapping[str, str] | None = None,
) -> State:
    """Goes on from the newest checkpoint, or begins with `state`, which lies on the mesh as it is
    to lie; `made_from` are the digests of what it learns from, of `OTHERS`. A timed state trains
    for `t.minutes`."""
    total = sum(phase.steps for phase in phases)
    checkpoints = Checkpoints(folder / "checkpoints")
    refuse_changes(config, folder, made_from or {})
    state, start = resume(state, checkpoints)
    clock = Clock(60 * t.minutes, float(state[SHARE])) if SHARE in state else None
    if clock:
        update, total = clock.timed(update), None
    metrics = Metrics(folder / "metrics.jsonl", start)
    note = {"config": config.to_dict(), "made_by": provenance(), **(made_from or {})}
    end = 0
    with bar() as progress:
        task = progress.add_task(folder.name, total=total, completed=start, loss="")
        for phase in phases:
            begun, end = end, end + phase.steps
            if start >= end or (clock and clock.over()):
                continue
            if phase.prepare and start <= begun:
                state = phase.prepare(state)
            state = fit(
                update,
                state,
                lambda step, batch=phase.batch: place(mesh, BATCH, batch(step)),
                start=max(start, begun),
                steps=end,
                checkpoints=checkpoints,
                metrics=metrics,
                save_every=t.save_every,
                on_step=lambda step, v: progress.update(
                    task, completed=step, loss=f"{v['loss']:.4f}"
                ),
                on_save=picture,
                metadata=note,
                told=phase.told,
                over=clock.over if clock else lambda: False,
                kept=clock.told if clock else lambda state: state,
            )
    return state


def laid(config, state: State) -> tuple[Mesh, State, Any]:
    """The mesh of a config, the state on it as its `placement` says, and the shardings."""
    mesh = batch_mesh(config.devices)
    placement = PLACEMENTS[config.placement](state, mesh)
    return mesh, jax.device_put(state, placement), placement


def refuse_changes(config, folder: Path, made_from: Mapping[str, str]) -> None:
    """Raises ValueError where the stage that is to go on in `folder` was trained on something else,
    or with other values of what is `SETTLED`. made_from: digests, by what they are of."""
    checkpoints = Checkpoints(folder / "checkpoints")
    if (newest := checkpoints.latest()) is None:
        return
    _, note = checkpoints.describe(newest)
    refuse_others(config, folder, note)
    data = config.get("data")
    for what, digest in made_from.items():
        if note.get(what, digest) != digest:
            of = data and (data.folder or data.kind)
            raise ValueError(OTHERS[what].format(folder=folder, data=of))


def refuse_others(config, folder: Path, note: Mapping[str, Any]) -> None:
    """Raises ValueError where a stage's `folder`, whose checkpoint says `note` of itself, was
    trained with other values of what is `SETTLED`."""
    then = note.get("config", {})
    troubles = [
        f"{name} is {config[name]!r}, but {folder} was trained with {then[name]!r}"
        for name in SETTLED[folder.name]
        if name in then and then[name] != config[name]
    ]
    if troubles:
        raise ValueError(
            f"config: {'; '.join(troubles)}; give what it was trained with, or another --out"
        )


def newest_average(
    config, folder: Path, like: Mapping[str, Any], stage: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the newest checkpoint of a stage's folder says of itself, and its moving average;
    `stage` is what programs call it."""
    checkpoints = Checkpoints(folder / "checkpoints")
    step = checkpoints.latest()
    if step is None:
        raise ValueError(f"{checkpoints.folder} has no checkpoint: run the stage {stage} first")
    shapes, note = checkpoints.describe(step)
    refuse_others(config, folder, note)
    stored = checkpoints.load(step, {n: jax.ShapeDtypeStruct(*shapes[n]) for n in shapes})
    wanted = {"average": dict(like)}
    if any(shapes.get(n, (None,))[0] != x.shape for n, x in named(wanted).items()):
        raise ValueError(
            f"{folder} was trained with another config: give its own, or another --out"
        )
    average = {name: stored[name] for name in named(wanted)}
    return note | {"steps": step}, unnamed(average, wanted)["average"]


def latents_told(places: np.ndarray) -> str:
    """These places of a run's stored latents, in words."""
    return f"latents {', '.join(map(str, places))} of latents.npz"


def log_shares(path: Path, step: int, verdicts: Sequence[Mapping[str, bool]]) -> None:
    """A line with the share of verdicts that say yes, fact by fact, behind those of earlier
    steps."""
    names = {name: None for verdict in verdicts for name in verdict}
    right = {n: float(np.mean([verdict[n] for verdict in verdicts if n in verdict])) for n in names}
    Metrics(path, step - 1).write(step, right)


def bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}"),
        TimeRemainingColumn(),
    )


def provenance() -> dict[str, str]:
    """Versions, machine and commit, for what stands beside every result."""
    return {
        "commit": _commit() or "unknown",
        "python": platform.python_version(),
        "jax": jax.__version__,
        "flax": flax.__version__,
        "device": jax.devices()[0].device_kind,
    }


def _commit() -> str:
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
    except OSError:  # there is no git
        return ""
