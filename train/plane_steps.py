"""A step of training of each of PVDM's networks, as a config describes it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from vinf_jax.diffusion.losses import denoising_loss, diffusion_times
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.lpips import LPIPS
from vinf_jax.nn import stored
from vinf_jax.nn.parameters import merge
from vinf_jax.training import state as training
from vinf_jax.training.loop import Update

from . import plane_losses, plane_start, stage
from .plane_networks import arithmetic, new_autoencoder, new_unet
from .plane_rules import rule_of


class Step(NamedTuple):
    """update: (state, batch) -> (state, metrics), compiled; it takes over the memory of the given
    state. state: before the first step, as it lies on the mesh. graph: of the network."""

    update: Update
    state: training.State
    mesh: Mesh
    graph: Any


def autoencoder(config) -> Step:
    """Of the first stage. A batch is bytes (B, F, H, W, 3)."""
    t = config.train_autoencoder
    graph, fresh = new_autoencoder(config)
    fresh = plane_start.begun(t.start_from, "autoencoder", fresh)
    loss = plane_losses.alone(t, graph, distance_of(config), arithmetic(config))
    return _step(config, t, 1, graph, fresh, loss, b1=0.5, b2=0.9)


def unet(config) -> Step:
    """Of what `prediction` says, mean squared, weighted as `loss_weight` says. A batch is
    {"target", "condition"}, latents (B, N, D), with `contrast` or `mix` also {"others",
    "other_condition"}."""
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
        condition = batch["condition"]
        if t.mix:
            condition = mixed(keys[0], condition, batch["other_condition"], t.mix)
        condition = blurred(keys[2], condition, t.condition_noise).astype(dtype)

        def model(x, times):
            return network(x.astype(dtype), times, condition).astype(jnp.float32)

        how = {"weight": t.loss_weight}
        if t.contrast:
            how |= {"contrast": t.contrast, "others": batch["others"].astype(jnp.float32)}
        return denoising_loss(model, schedule, config.prediction, target, noise, times, **how), {}

    return _step(config, t, 3, graph, fresh, loss)


def random_clips(config, batch: int) -> np.ndarray:
    """A batch for `autoencoder`."""
    shape = (batch, config.frames, config.size, config.size, 3)
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


def mixed(key: jax.Array, condition: jax.Array, other: jax.Array, most: float) -> jax.Array:
    """Half of the conditions (B, N, D) with up to `most` of the other shape's, so that what stands
    between two shapes is taken for the nearer one: by recursion a shape is not to fade."""
    keys = jax.random.split(jax.random.fold_in(key, 1))
    each = (len(condition), 1, 1)
    share = jax.random.uniform(keys[0], each, maxval=most) * jax.random.bernoulli(
        keys[1], 0.5, each
    )
    return condition + share * (other.astype(jnp.float32) - condition)


def blurred(key: jax.Array, condition: jax.Array, deviation: float) -> jax.Array:
    """Conditions (B, N, D) with noise, so that the UNet learns to mend what it is given: by
    recursion it is given what it made itself (as in cascades: Ho et al., arXiv 2106.15282). Where
    nothing is known, there is no noise."""
    known = condition.astype(jnp.float32)
    noise = deviation * jax.random.normal(key, known.shape)
    return known + jnp.where(known.any(axis=(1, 2), keepdims=True), noise, 0.0)


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
