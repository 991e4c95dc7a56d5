"""PVDM's autoencoder in two stages: reconstruction, then against two critics."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from vinf_jax.checkpoint.numbered import Checkpoints
from vinf_jax.media.clips import Clips
from vinf_jax.models.patch_discriminator import PatchDiscriminator
from vinf_jax.nn.networks import parameters
from vinf_jax.nn.parameters import merge, split
from vinf_jax.nn.pixels import to_bytes, to_unit
from vinf_jax.systems.pvdm.folder import write_arrays
from vinf_jax.training import adversarial as turns
from vinf_jax.training import loop
from vinf_jax.training import state as training

from . import footage, plane_losses, plane_steps, stage
from .plane_networks import (
    STAGES,
    arithmetic,
    autoencoder_arguments,
    new_autoencoder,
    noted_autoencoder,
    settings,
)
from .plane_pictures import show
from .plane_rules import rule_of, steps_of


def reconstruction(config, out: Path) -> None:
    """The first stage: pixels, and how frames look."""
    steps = steps_of(config.train_autoencoder)
    _train(config, steps, "reconstruction", out, *plane_steps.autoencoder(config))


def adversarial(config, out: Path) -> None:
    """The second stage: the autoencoder and its optimiser go on, the critics start fresh. Where the
    first stage had a given time, the rate stays what it fell to."""
    t = config.train_autoencoder
    graph, fresh = new_autoencoder(config)
    graphs, critic = _critics(config)
    first, steps = loop.resume(
        training.begin(fresh, _rule(t), bool(t.minutes)),
        Checkpoints(out / STAGES["reconstruction"] / "checkpoints"),
    )
    if not steps:
        raise ValueError(f"{out} has no checkpoint of the stage reconstruction: run that first")
    pace = float(training.pace(first)) if t.minutes else 1.0
    first.pop(training.SHARE, None)  # the critics' steps are counted
    first["optimiser"] = training.unaccumulated(first["optimiser"])
    rules = {turns.MODEL: _rule(t, pace), turns.CRITIC: _critic_rule(t)}
    start = turns.begin(first, critic, rules[turns.CRITIC])
    mesh, state, placement = stage.laid(config, start)
    update = turns.updater(
        plane_losses.losses(t, graph, graphs, plane_steps.distance_of(config), arithmetic(config)),
        rules,
        every=t.turn,
        decay=t.decay,
        average_every=t.average_every,
        key=jax.random.key(config.seed + 2),
        begun=steps,
        placement=placement,
    )
    _train(config, t.adversarial_steps, "adversarial", out, update, state, mesh, graph)


def export(config, out: Path, folder: Path) -> None:
    """The autoencoder alone as a model folder, which `python -m infer evaluate psnr` reads, in
    float16."""
    note, model = noted_autoencoder(config, out)
    write_arrays(
        folder,
        parameters({"autoencoder": model}),
        arguments={"autoencoder": autoencoder_arguments(config)},
        settings=settings(config),
        dtype=jnp.float16,
        provenance=note,
        overwrite=True,
    )


def _train(
    config,
    steps: int,
    name: str,
    out: Path,
    update: loop.Update,
    state: training.State,
    mesh: Mesh,
    graph: Any,
) -> None:
    t, folder = config.train_autoencoder, out / STAGES[name]
    clips = footage.opened(config, out, "train", config.frames)
    footage.tell(clips)
    picture = _picture(config, folder, out, graph)
    with closing(_feed(config, out, clips)) as feed:
        phases = [stage.Phase(steps, feed, told=feed.told)]
        stage.run(config, t, folder, update, state, mesh, phases, picture, {"clips": clips.digest})


def _feed(config, out: Path, clips: Clips) -> footage.Feed | footage.Pairs:
    """What makes batches for `plane_losses.alone`."""
    t, how = config.train_autoencoder, (config.seed, config.data.workers)
    if not (t.telling or t.blend):
        return footage.Feed(clips, t.batch, *how)
    reshaped = footage.opened(config, out, "train", config.frames, reshaped=True)
    return footage.Pairs((clips, reshaped), t.batch, *how)


def _picture(config, folder: Path, out: Path, graph: Any) -> Callable[[int, training.State], None]:
    """What a checkpoint shows: held-out clips and what became of them. Nothing if none are to be
    shown."""
    shown = config.train_autoencoder.shown
    if not shown:
        return lambda step, state: None
    clips = footage.held_out(config, out, config.frames, shown)

    @jax.jit
    def through(weights, clips):
        model = merge(graph, weights)
        return to_bytes(model.decode(model.encode(to_unit(clips))))

    def picture(step: int, state: training.State) -> None:
        made = np.concatenate([through(state["average"], clip[None]) for clip in clips])
        show(folder, step, clips, made, config.fps)

    return picture


def _critics(config) -> tuple[dict[str, Any], dict[str, Any]]:
    """Graphs and fresh parameters of "frame" and "clip"."""
    width = config.train_autoencoder.critic_width
    graphs, fresh = {}, {}
    for n, (name, axes) in enumerate({"frame": 2, "clip": 3}.items()):
        judge = PatchDiscriminator(axes=axes, width=width, rngs=nnx.Rngs(config.seed + 10 + n))
        graphs[name], own = split(judge)
        fresh |= {f"{name}.{key}": x for key, x in own.items()}
    return graphs, fresh


def _rule(t, pace: float = 1.0) -> optax.GradientTransformation:
    return rule_of(t, pace, b1=0.5, b2=0.9)


def _critic_rule(t) -> optax.GradientTransformation:
    """AdamW at a constant rate, with the gradients of each critic clipped at 1."""
    rule = training.adamw(t.rate, b1=0.5, b2=0.9, clip=1.0, accumulate=t.accumulate)
    return optax.partition({name: rule for name in ("frame", "clip")}, _owners)


def _owners(critics: dict[str, Any]) -> dict[str, str]:
    return {name: name.partition(".")[0] for name in critics}
