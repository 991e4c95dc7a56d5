"""The tasks of `pvdm_networks` done by this project, as its programs do them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from train import plane_losses
from vinf_jax.checkpoint.mapping import convert
from vinf_jax.diffusion.clamped import Clamped
from vinf_jax.diffusion.losses import denoising_loss
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.nn.parameters import merge
from vinf_jax.nn.pixels import to_bytes, to_unit
from vinf_jax.programs import load_config
from vinf_jax.systems.pvdm.recursion import conditional
from vinf_jax.training import state as training

from .paired import Call
from .pvdm_work import RATE, STEPS, Work


def prepared(work: Work) -> Call:
    """One call of the task."""
    return TASKS[work.name](work)


def _encode(work: Work) -> Call:
    graph, weights = _network(work, "autoencoder")
    video = work.video()
    call = jax.jit(lambda weights, x: merge(graph, weights).encode(to_unit(x)))
    return lambda: np.asarray(call(weights, video))


def _decode(work: Work) -> Call:
    graph, weights = _network(work, "autoencoder")
    latents = work.latents()
    call = jax.jit(lambda weights, z: merge(graph, weights).decode(z))
    return lambda: np.asarray(call(weights, latents))


def _noise(work: Work) -> Call:
    graph, weights = _network(work, "unet")
    given = (work.noise(), work.times(), work.condition())
    call = jax.jit(lambda weights, *given: merge(graph, weights)(*given))
    return lambda: np.asarray(call(weights, *given))


def _autoencoder_step(work: Work) -> Call:
    graph, weights = _network(work, "autoencoder")
    t = load_config("configs/pvdm.py").train_autoencoder
    loss = plane_losses.alone(t, graph, lambda made, real: jnp.zeros(()), jnp.float32)
    return _step(loss, weights, {"clips": work.video()}, b1=0.5, b2=0.9)


def _unet_step(work: Work) -> Call:
    graph, weights = _network(work, "unet")
    target, condition, noise = work.latents(), work.condition(), work.noise()
    schedule, times = Schedule.pvdm(), work.times()

    def loss(weights, condition, key):
        unet = merge(graph, weights)

        def model(x, times):
            return unet(x, times, condition)

        return denoising_loss(model, schedule, "epsilon", target, noise, times), {}

    return _step(loss, weights, condition)


def _step(loss: Any, weights: dict[str, Any], batch: Any, **how: float) -> Call:
    """Steps of training one after the other; the average follows every 25th."""
    rule = training.adamw(RATE, **how)
    state = training.begin(weights, rule)
    key = jax.random.key(0)
    update = training.updater(loss, rule, decay=0.9999, average_every=25, key=key)

    def call() -> np.ndarray:
        nonlocal state
        state, values = update(state, batch)
        jax.block_until_ready(state)
        return np.asarray(values["loss"])

    return call


def _clip(work: Work) -> Call:
    (unet, weights), (autoencoder, pixels) = (_network(work, p) for p in ("unet", "autoencoder"))
    sampler = Clamped(Schedule.pvdm(), STEPS, eta=0.0)
    condition, noise = work.condition(), work.noise()

    @jax.jit
    def step(weights, state, i, condition):
        return sampler.step(state, conditional(merge(unet, weights), condition), i)

    decode = jax.jit(lambda pixels, z: to_bytes(merge(autoencoder, pixels).decode(z)))

    def call() -> np.ndarray:
        state = sampler.init(noise)
        for i in range(STEPS):
            state = jax.block_until_ready(step(weights, state, np.int32(i), condition))
        return np.asarray(decode(pixels, sampler.result(state)))

    return call


def _network(work: Work, part: str) -> tuple[Any, dict[str, Any]]:
    """Graph and weights."""
    graph, like = work.like(part)
    arrays = convert(work.rows(part), work.tensors(part), like)
    return graph, jax.block_until_ready({name: jnp.asarray(x) for name, x in arrays.items()})


TASKS = {
    "encode": _encode,
    "decode": _decode,
    "autoencoder_step": _autoencoder_step,
    "noise": _noise,
    "unet_step": _unet_step,
    "clip": _clip,
}
