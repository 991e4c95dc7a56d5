"""PVDM's UNet on latents of clips, with and without the clip before; the finished model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vinf_jax.diffusion.losses import denoising_loss
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.media.judge import keeps
from vinf_jax.media.sheet import spaced
from vinf_jax.nn.parameters import merge
from vinf_jax.systems.pvdm import PVDM
from vinf_jax.training import state as training

from . import plane_networks as networks
from . import stage
from .pictures import save_grid
from .plane_latents import drawn, plane_bank
from .plane_losses import cast
from .plane_rules import rule_of

SAMPLED = 20
"""Steps of each clip that a checkpoint shows."""


def diffusion(config, out: Path) -> None:
    """Predicts the noise of clips, mean squared."""
    t = config.train_diffusion
    bank = plane_bank(config, out)
    graph, parameters = networks.new_unet(config)
    schedule, dtype = Schedule.pvdm(), networks.arithmetic(config)

    def loss(parameters, batch, key):
        unet = merge(graph, cast(parameters, dtype))
        target = batch["target"].astype(jnp.float32)
        keys = jax.random.split(key, 3)
        noise = jax.random.normal(keys[0], target.shape)
        times = jax.random.randint(keys[1], target.shape[:1], 0, schedule.num_train)
        condition = blurred(keys[2], batch["condition"], t.condition_noise).astype(dtype)

        def model(x, times):
            return unet(x.astype(dtype), times, condition).astype(jnp.float32)

        return denoising_loss(model, schedule, "epsilon", target, noise, times), {}

    def batch(step: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng((config.seed, step))
        return drawn(bank, rng, t.batch, t.conditional, t.coin)

    rule = rule_of(t)
    mesh, state, placement = stage.laid(config, training.begin(parameters, rule))
    update = training.updater(
        loss,
        rule,
        decay=t.decay,
        average_every=t.average_every,
        key=jax.random.key(config.seed + 3),
        placement=placement,
    )
    picture, phases = _picture(config, out, graph), [stage.Phase(t.steps, batch)]
    stage.run(config, t, out / "diffusion", update, state, mesh, phases, picture)


def blurred(key: jax.Array, condition: jax.Array, deviation: float) -> jax.Array:
    """Conditions (B, N, D) with noise, so that the UNet learns to mend what it is given: by
    recursion it is given what it made itself (as in cascades: Ho et al., arXiv 2106.15282). Where
    nothing is known, there is no noise."""
    known = condition.astype(jnp.float32)
    noise = deviation * jax.random.normal(key, known.shape)
    return known + jnp.where(known.any(axis=(1, 2), keepdims=True), noise, 0.0)


def _picture(config, out: Path, graph: Any) -> Callable[[int, training.State], None]:
    """What a checkpoint shows: a few videos of two clips, a row each; for the sprites how many
    keep colour and shape."""
    autoencoder = networks.trained_autoencoder(config, out)
    frames = 2 * config.frames
    shown = spaced(frames, 12)
    how = {"frames": frames, "videos": config.train_diffusion.shown}
    how |= {"steps": SAMPLED, "later_steps": SAMPLED}

    def picture(step: int, state: training.State) -> None:
        unet = merge(graph, state["average"])
        model = PVDM(autoencoder, unet, networks.settings(config), {})
        videos = model.generate(**how)
        grid = videos[:, shown].reshape(-1, *videos.shape[2:])
        save_grid(out / "diffusion" / "samples" / f"step_{step:06d}.png", grid, len(shown))
        if config.data.kind == "sprites":
            kept = [{"kept": keeps(video, config.frames)} for video in videos]
            stage.log_shares(out / "diffusion" / "judge.jsonl", step, kept)

    return picture


def export(config, out: Path, folder: Path) -> None:
    """The finished model as a folder that `python -m infer pvdm` reads, in float16."""
    graph, like = networks.new_unet(config)
    note, parameters = stage.newest_average(out / "diffusion" / "checkpoints", like)
    model = PVDM(
        networks.trained_autoencoder(config, out),
        merge(graph, parameters),
        networks.settings(config),
        {
            "autoencoder": networks.autoencoder_arguments(config),
            "unet": networks.unet_arguments(config),
        },
    )
    model.save(folder, dtype=jnp.float16, provenance=note, overwrite=folder.exists())
