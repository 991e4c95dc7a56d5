"""The stages of training a text-to-video model; each is a function of the config and a folder."""

import json
import platform
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vinf_jax.checkpoint.numbered import Checkpoints
from vinf_jax.media import sprites
from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.nn.parameters import merge, split
from vinf_jax.training.loop import Metrics, fit, resume
from vinf_jax.training.state import State, adam, begin, updater


def check(config) -> None:
    """Refuses a config that cannot be trained, with everything that is wrong."""
    t = config.train_diffusion
    lengths = {len(t.phase_steps), len(t.phase_frames), len(t.phase_batch)}
    troubles = []
    if len(lengths) > 1:
        troubles.append("train_diffusion: phase_steps, phase_frames and phase_batch differ in length")
    if max(t.phase_frames) > config.frames:
        troubles.append(
            f"train_diffusion.phase_frames: {max(t.phase_frames)} frames, but clips have "
            f"{config.frames} (field frames)"
        )
    for batch in (config.train_autoencoder.batch, *t.phase_batch):
        if batch % config.devices:
            troubles.append(f"devices: {config.devices} do not divide a batch of {batch}")
    stages = {
        "train_autoencoder": (config.train_autoencoder.warmup, config.train_autoencoder.steps),
        "train_diffusion": (t.warmup, sum(t.phase_steps)),
    }
    for name, (warmup, steps) in stages.items():
        if warmup >= steps:
            troubles.append(f"{name}.warmup: {warmup} steps of warm-up in {steps} steps of training")
    if config.devices > len(jax.devices()):
        troubles.append(f"devices: {config.devices}, but there are {len(jax.devices())}")
    if troubles:
        raise ValueError("config: " + "; ".join(troubles))


def autoencoder(config, out: Path, weights: Path | None = None) -> None:
    """Frames of the world through the autoencoder: reconstruction and a light pull of the latents
    to a normal distribution."""
    t = config.train_autoencoder
    model = AutoencoderKL(**config.autoencoder, rngs=nnx.Rngs(config.seed))
    graph, parameters = split(model)

    def loss(parameters, images, key):
        model = merge(graph, parameters)
        mean, log_variance = model.encode(images)
        latents = mean + jnp.exp(log_variance / 2) * jax.random.normal(key, mean.shape)
        error = model.decode(latents) - images
        kl = 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).mean()
        off, square = jnp.abs(error).mean(), (error**2).mean()
        return off + square + t.kl * kl, {"absolute": off, "psnr": 10 * jnp.log10(4 / square), "kl": kl}

    def batch(step: int) -> np.ndarray:
        height, width = config.size
        pictures = [
            sprites.sample(config.seed, step * t.batch + i, frames=1, height=height, width=width)[2]
            for i in range(t.batch)
        ]
        return to_unit(np.concatenate(pictures))

    def picture(step: int, state: State) -> None:
        images = batch(0)[:8]
        model = merge(graph, state["average"])
        decoded = np.asarray(jax.jit(lambda x: model.decode(model.encode(x)[0]))(images))
        rows = np.concatenate([images, decoded])
        save_grid(out / "autoencoder" / "samples" / f"step_{step:06d}.png", to_bytes(rows), len(images))

    _train(config, t, out / "autoencoder", loss, parameters, [(t.steps, batch)], picture)


def to_unit(frames: np.ndarray) -> np.ndarray:
    """uint8 pixels as float32 in [-1, 1]."""
    return frames.astype(np.float32) / 127.5 - 1


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Pictures in [-1, 1] as uint8."""
    return np.clip(np.round((np.asarray(images) + 1) * 127.5), 0, 255).astype(np.uint8)


def save_grid(path: Path, pictures: np.ndarray, columns: int) -> None:
    """Pictures (N, H, W, 3) in rows of `columns`, as a PNG of twice their size."""
    from vinf_jax.media.sheet import save_png

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pictures.reshape(-1, columns, *pictures.shape[1:]).swapaxes(1, 2)
    image = rows.reshape(rows.shape[0] * rows.shape[1], -1, 3)
    save_png(path, image.repeat(2, 0).repeat(2, 1), overwrite=True)


def _train(
    config,
    t,
    folder: Path,
    loss: Callable,
    parameters: Mapping[str, Any],
    phases: list[tuple[int, Callable[[int], Any]]],
    picture: Callable[[int, State], None],
    trained: Callable[[int, str], bool] = lambda phase, name: True,
) -> State:
    """Trains through all phases, each a number of steps and what makes their batches."""
    total = sum(steps for steps, _ in phases)
    optimiser = adam(t.rate, steps=total, warmup=t.warmup)
    update = updater(loss, optimiser, decay=t.decay, key=jax.random.key(config.seed + 1))
    mesh = jax.make_mesh((config.devices,), ("data",), (AxisType.Auto,))
    everywhere, cut = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), ("data",)))
    checkpoints = Checkpoints(folder / "checkpoints")
    state = jax.device_put(begin(dict(parameters), optimiser), everywhere)
    state, start = resume(state, checkpoints)
    metrics = Metrics(folder / "metrics.jsonl", start)
    note = {"config": config.to_dict(), "made_by": provenance()}
    end = 0
    with _bar() as bar:
        task = bar.add_task(folder.name, total=total, completed=start, loss="")
        for phase, (steps, batch) in enumerate(phases):
            begun, end = end, end + steps
            if start >= end:
                continue
            moving = {name: jnp.float32(trained(phase, name)) for name in parameters}
            state = fit(
                lambda state, batch, moving=moving: update(state, batch, moving),
                state,
                lambda step, batch=batch: jax.device_put(batch(step), cut),
                start=max(start, begun),
                steps=end,
                checkpoints=checkpoints,
                metrics=metrics,
                save_every=t.save_every,
                on_step=lambda step, v: bar.update(task, completed=step, loss=f"{v['loss']:.4f}"),
                on_save=picture,
                metadata=note,
            )
    return state


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}"),
        TimeRemainingColumn(),
    )


def provenance() -> dict[str, str]:
    """Versions, machine and commit, for what stands beside every result."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    import flax

    return {
        "commit": commit or "unknown",
        "python": platform.python_version(),
        "jax": jax.__version__,
        "flax": flax.__version__,
        "device": jax.devices()[0].device_kind,
    }
