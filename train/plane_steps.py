"""A step of training of each of PVDM's networks, as a config describes it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from vinf_jax.diffusion.losses import denoising_loss, diffusion_times
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.lpips import LPIPS
from vinf_jax.nn import stored
from vinf_jax.nn.parameters import merge
from vinf_jax.nn.planes import NAMES, Planes
from vinf_jax.training import state as training
from vinf_jax.training.loop import Update

from . import plane_losses, plane_start, stage
from .plane_networks import arithmetic, new_autoencoder, new_unet
from .plane_rules import rule_of
from .plane_shapes import blended


class Step(NamedTuple):
    """update: (state, batch) -> (state, metrics), compiled; it takes over the memory of the given
    state. state: before the first step, as it lies on the mesh. graph: of the network."""

    update: Update
    state: training.State
    mesh: Mesh
    graph: Any


def autoencoder(config) -> Step:
    """Of the first stage. A batch is as `plane_losses.alone` says."""
    t = config.train_autoencoder
    graph, fresh = new_autoencoder(config)
    fresh = plane_start.begun(t.start_from, "autoencoder", fresh)
    loss = plane_losses.alone(t, graph, distance_of(config), arithmetic(config))
    return _step(config, t, 1, graph, fresh, loss, b1=0.5, b2=0.9)


def unet(config) -> Step:
    """Of what `prediction` says, mean squared, weighted as `loss_weight` says. A batch is
    {"target", "condition"}, latents (B, N, D), with `blend` also {"other_condition"}."""
    t = config.train_diffusion
    graph, fresh = new_unet(config)
    fresh = plane_start.begun(t.start_from, "unet", fresh)
    schedule, dtype = Schedule.pvdm(), arithmetic(config)

    def loss(parameters, batch, key):
        network = merge(graph, plane_losses.cast(parameters, dtype))
        target = batch["target"].astype(jnp.float32)
        keys = jax.random.split(key, 3)
        noise = jax.random.normal(keys[0], target.shape)
        focus, shares = jnp.asarray([t.focus]), jnp.full(len(target), t.share)
        times = diffusion_times(keys[1], focus, shares, schedule.num_train)
        condition = batch["condition"].astype(jnp.float32)
        if t.blend:
            key, other = jax.random.fold_in(keys[0], 1), batch["other_condition"]
            condition = blended(network.planes, key, condition, other.astype(jnp.float32), t.blend)
        how = {"deviation": t.condition_noise, "shift": t.condition_shift}
        condition = blurred(network.planes, keys[2], condition, **how).astype(dtype)

        def model(x, times):
            return network(x.astype(dtype), times, condition).astype(jnp.float32)

        kind, weight = config.prediction, t.loss_weight
        return denoising_loss(model, schedule, kind, target, noise, times, weight), {}

    return _step(config, t, 3, graph, fresh, loss)


def blurred(
    planes: Planes, key: jax.Array, condition: jax.Array, deviation: float, shift: float
) -> jax.Array:
    """Conditions (B, N, D) with noise, on every token and on the means of the planes, so that the
    UNet learns to mend what it is given: by recursion it is given what it made itself (as in
    cascades: Ho et al., arXiv 2106.15282). Where nothing is known, there is no noise."""
    noise = deviation * jax.random.normal(key, condition.shape)
    if shift:
        shape = (len(condition), len(NAMES), condition.shape[-1])
        noise += shift * planes.spread(jax.random.normal(jax.random.fold_in(key, 1), shape))
    return condition + jnp.where(condition.any(axis=(1, 2), keepdims=True), noise, 0.0)


def distance_of(config) -> plane_losses.Distance:
    """LPIPS with the weights that the config names, or the substitute, which says so."""
    if not config.perceptual:
        print("no LPIPS weights (config field perceptual): frames are compared by their edges")
        return plane_losses.edges
    network = stored.load(config.perceptual, "lpips", LPIPS)
    return lambda made, real: network(made, real).mean()


def _step(
    config, t, salt: int, graph: Any, fresh: dict[str, Any], loss: Callable, **betas: float
) -> Step:
    rule = rule_of(t, **betas)
    mesh, state, placement = stage.laid(config, training.begin(fresh, rule, bool(t.minutes)))
    update = training.updater(
        loss,
        rule,
        decay=t.decay,
        average_every=t.average_every,
        key=jax.random.key(config.seed + salt),
        placement=placement,
    )
    return Step(update, state, mesh, graph)
