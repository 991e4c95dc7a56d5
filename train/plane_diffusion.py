"""PVDM's UNet on latents of clips, with and without the clip before; the finished model."""

from collections.abc import Callable
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from vinf_jax.media.judge import keeps
from vinf_jax.media.sheet import spaced
from vinf_jax.nn.parameters import flat, merge, split
from vinf_jax.systems.pvdm import PVDM
from vinf_jax.training import state as training

from . import plane_networks as networks
from . import plane_steps, stage
from .footage import opened, tell
from .latents import digest_of
from .pictures import save_grid
from .plane_latents import drawn, places, plane_bank
from .plane_rules import steps_of

SAMPLED = 20
"""Steps of each clip that a checkpoint shows."""


def diffusion(config, out: Path) -> None:
    """Learns to denoise clips."""
    t = config.train_diffusion
    folder, clips = out / "diffusion", opened(config, out, "train", 2 * config.frames)
    tell(clips)
    autoencoder = networks.trained_autoencoder(config, out)
    made_from = {"clips": clips.digest, "autoencoder": digest_of(flat(autoencoder))}
    stage.refuse_changes(config, folder, made_from)  # before latents are made
    bank = plane_bank(config, out, autoencoder)
    step = plane_steps.unet(config)

    def rng(number: int) -> np.random.Generator:
        return np.random.default_rng((config.seed, number))

    def batch(number: int) -> dict[str, np.ndarray]:
        return drawn(bank, rng(number), t.batch, t.conditional, t.coin)

    def told(number: int) -> str:
        return stage.latents_told(places(bank, rng(number), t.batch))

    phases = [stage.Phase(steps_of(t), batch, told=told)]
    unet = merge(step.graph, step.state["average"])
    picture = _picture(config, out, PVDM(autoencoder, unet, networks.settings(config), {}))
    stage.run(config, t, folder, step.update, step.state, step.mesh, phases, picture, made_from)


def _picture(config, out: Path, model: PVDM) -> Callable[[int, training.State], None]:
    """What a checkpoint shows: a few videos of two clips, a row each, by the model with the average
    in place of its UNet; for the sprites how many keep colour and shape. Nothing if none are to be
    shown."""
    videos = config.train_diffusion.shown
    if not videos:
        return lambda step, state: None
    graph, _ = split(model.unet)
    frames = 2 * config.frames
    shown = spaced(frames, 12)
    how = {"frames": frames, "videos": videos}
    how |= {"steps": SAMPLED, "later_steps": SAMPLED, "candidates": 1}

    def picture(step: int, state: training.State) -> None:
        model.replace(merge(graph, state["average"]))
        videos = model.generate(**how)
        grid = videos[:, shown].reshape(-1, *videos.shape[2:])
        save_grid(out / "diffusion" / "samples" / f"step_{step:06d}.png", grid, len(shown))
        if config.data.kind == "sprites":
            kept = [{"kept": keeps(video, config.frames)} for video in videos]
            stage.log_shares(out / "diffusion" / "judge.jsonl", step, kept)

    return picture


def export(config, out: Path, folder: Path) -> None:
    """The finished model as a folder that `python -m infer pvdm` reads, in float16."""
    graph, like = networks.unet_like(config)
    autoencoder = networks.trained_autoencoder(config, out)
    made_from = {"autoencoder": digest_of(flat(autoencoder))}
    stage.refuse_changes(config, out / "diffusion", made_from)
    note, parameters = stage.newest_average(config, out / "diffusion", like, "diffusion")
    model = PVDM(
        autoencoder,
        merge(graph, parameters),
        networks.settings(config),
        {
            "autoencoder": networks.autoencoder_arguments(config),
            "unet": networks.unet_arguments(config),
        },
    )
    model.save(folder, dtype=jnp.float16, provenance=note, overwrite=True)
