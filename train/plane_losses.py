"""What PVDM's autoencoder and its critics minimise (arXiv 2302.07685; the public code's
`LPIPSWithDiscriminator`)."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from vinf_jax.models.pvdm_autoencoder import PVDMAutoencoder
from vinf_jax.nn.parameters import merge
from vinf_jax.nn.pixels import to_unit
from vinf_jax.training.adversarial import CRITIC, MODEL, hinge, matching

from . import plane_shapes

Distance = Callable[[Array, Array], Array]
"""How different two sets of pictures (N, H, W, 3) in [-1, 1] look: a scalar."""


def edges(made: Array, real: Array) -> Array:
    """Stands in for a perceptual distance where there are no weights for one: the mean absolute
    difference of the steps between neighbouring pixels, at full, half and quarter size."""
    error, total = made - real, jnp.zeros(())
    for _ in range(3):
        total += sum(jnp.abs(jnp.diff(error, axis=axis)).mean() for axis in (1, 2))
        n, height, width, channels = error.shape
        cells = error[:, : height // 2 * 2, : width // 2 * 2]
        error = cells.reshape(n, height // 2, 2, width // 2, 2, channels).mean((2, 4))
    return total


def one_frame_each(key: Array, *videos: Array) -> list[Array]:
    """One frame of every video, at random, the same one of each given version: (B, H, W, 3)."""
    batch, frames = videos[0].shape[:2]
    chosen = jax.random.randint(key, (batch,), 0, frames)
    return [video[jnp.arange(batch), chosen] for video in videos]


def losses(t, graph: Any, critic_graphs: Mapping[str, Any], distance: Distance, dtype: Any) -> dict:
    """Of both players, as `training.adversarial.updater` takes them.

    t: weights of `alone`, `adversarial` and `match`. critic_graphs: "frame" and "clip". dtype: of
    the arithmetic.
    """

    def model(parameters, critic, batch, key):
        value, seen, clips = _own(t, graph, parameters, batch, distance, dtype, key)
        pairs = _both(*clips, key)
        verdicts, matched = jnp.zeros(()), jnp.zeros(())
        for name, (truth, guess) in pairs.items():
            judge = _critic(critic_graphs, critic, name, dtype)
            told, known = judge(guess), judge(truth)
            verdicts -= told[-1].astype(jnp.float32).mean()
            matched += matching(known, told).astype(jnp.float32)
        value = value + t.adversarial * (verdicts + t.match * matched)
        return value, seen | {"fooled": -verdicts, "matching": matched}

    def critic(critic, parameters, batch, key):
        real, made, _ = passed(t, merge(graph, cast(parameters, dtype)), batch, dtype, key)
        missed = jnp.zeros(())
        for name, (truth, guess) in _both(real, jax.lax.stop_gradient(made), key).items():
            judge = _critic(critic_graphs, critic, name, dtype)
            verdicts = (judge(x)[-1].astype(jnp.float32) for x in (truth, guess))
            missed += hinge(*verdicts)
        return missed, {"critic": missed}

    return {MODEL: model, CRITIC: critic}


def alone(t, graph: Any, distance: Distance, dtype: Any) -> Callable:
    """The first stage: the model without critics, as `training.state.updater` takes it.

    t: weights `pixel`, `square`, `perceptual`, `bounds` and `telling`, and what is done to latents
    before they are decoded, `blend` and `latent_noise`. A batch is {"clips": bytes}; with `blend`
    or `telling` pairs of sprites that differ in shape lie beside each other, and "shapes" says in
    which (`plane_shapes`).
    """

    def loss(parameters, batch, key):
        return _own(t, graph, parameters, batch, distance, dtype, key)[:2]

    return loss


def _own(t, graph: Any, parameters: Any, batch: Any, distance: Distance, dtype: Any, key: Array):
    """The model's own loss, metrics, and the clips (real, made)."""
    model = merge(graph, cast(parameters, dtype))
    real, made, free = passed(t, model, batch, dtype, key)
    value, seen = reconstruction(t, real, made, free, distance, key)
    if t.telling:
        untold = plane_shapes.untold(model.planes, jnp.tanh(free), batch["shapes"])
        value, seen = value + t.telling * untold, seen | {"untold": untold}
    return value, seen, (real, made)


def reconstruction(t, real: Array, made: Array, free: Array, distance: Distance, key: Array):
    """Pixels, how one frame of every clip looks, and how far latents before tanh, `free`, lie
    beyond -1 and 1: (loss, metrics). PSNR is in dB of a range of 2."""
    beyond = (jax.nn.relu(jnp.abs(free) - 1) ** 2).mean()
    off, square = jnp.abs(made - real).mean(), ((made - real) ** 2).mean()
    looks = distance(*one_frame_each(key, made, real))
    value = t.pixel * off + t.square * square + t.perceptual * looks + t.bounds * beyond
    return value, {
        "absolute": off,
        "beyond": beyond,
        "looks": looks,
        "psnr": 10 * jnp.log10(4 / square),
    }


def passed(
    t, model: PVDMAutoencoder, batch: Mapping[str, Array], dtype: Any, key: Array
) -> tuple[Array, Array, Array]:
    """Clips in [-1, 1], what the autoencoder makes of them when their latents are blended (`blend`)
    and have noise on them (`latent_noise`), and those latents before tanh; float32."""
    real = to_unit(batch["clips"])
    free = model.before_tanh(real.astype(dtype))
    latents = jnp.tanh(free)
    if t.blend:
        own, others = jax.random.fold_in(key, 2), plane_shapes.partners(latents)
        latents = plane_shapes.blended(model.planes, own, latents, others, t.blend)
    if t.latent_noise:
        noise = jax.random.normal(jax.random.fold_in(key, 1), latents.shape, dtype)
        latents += t.latent_noise * noise
    made = model.decode(latents)
    return real, made.astype(jnp.float32), free.astype(jnp.float32)


def cast(parameters: Mapping[str, Array], dtype: Any) -> dict[str, Array]:
    """Parameters in the precision of the arithmetic."""
    return {name: x.astype(dtype) for name, x in parameters.items()}


def _both(real: Array, made: Array, key: Array) -> dict[str, tuple[Array, Array]]:
    frames = one_frame_each(key, real, made)
    return {"frame": (frames[0], frames[1]), "clip": (real, made)}


def _critic(graphs: Mapping[str, Any], parameters: Any, name: str, dtype: Any) -> Callable:
    own = {n.removeprefix(f"{name}."): x for n, x in parameters.items() if n.startswith(f"{name}.")}
    judge = merge(graphs[name], cast(own, dtype))
    return lambda x: judge(x.astype(dtype))
