"""Known frames: parts of a sample that are given while the rest is denoised around them.

At every step a known part is brought to that step's level with noise of its own, so the network
sees it as it sees the rest (as RePaint does with known pixels, Lugmayr et al. 2022,
arXiv 2201.09865, eq. 8a). A network that was trained with parts seen earlier than the rest can be
shown them so: no noisier than at a given diffusion time (as conditioning frames in Diffusion
Forcing, Chen et al. 2024, arXiv 2407.01392). With guidance the half without the prompt then sees
them noisier than the step, so that guidance leads towards them as it does towards the prompt
(history guidance, Song et al. 2025, arXiv 2502.06764). Between steps, and after the last one, a
known part lies clean in the state.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from vinf_jax.diffusion.denoiser import Denoiser
from vinf_jax.diffusion.samplers import Sampler, State
from vinf_jax.diffusion.schedule import Schedule

OWN_LEVEL = 1000
"""A time later than all: known parts are as noisy as each step finds the rest."""
LATER = 300
"""Diffusion times by which the half without the prompt sees known parts later than the step is,
where the other half sees them earlier."""


def hold(state: State, clean: Array, known: Array) -> State:
    """The state in which the `known` parts are those of `clean`. known: booleans that broadcast
    against the latents."""
    return {name: jnp.where(known, clean, x) for name, x in state.items()}


def levels(
    sampler: Sampler, schedule: Schedule, latest: int, halves: int
) -> tuple[np.ndarray, np.ndarray]:
    """alpha and sigma with which known parts are shown at each step, float64 (halves, n), or (1, n)
    for all halves: the step's own; or if `latest` is a time, to the last half no later than that,
    and to one before it `LATER` times after the step's."""
    table, last = sampler.table, schedule.num_train - 1
    if latest > last:
        return table.alpha[None], table.sigma[None]
    after = np.minimum(np.rint(sampler.times).astype(int) + LATER, last)
    pairs = (table.alpha, schedule.alphas), (table.sigma, schedule.sigmas)
    shown = [
        (then[after], np.where(sampler.times > latest, then[latest], own)) for own, then in pairs
    ]
    alpha, sigma = (np.stack(views)[-halves:] for views in shown)
    return alpha, sigma


def step(
    sampler: Sampler,
    state: State,
    denoise: Denoiser,
    i: ArrayLike,
    noise: Array | None,
    *,
    known: Array,
    own: Array,
    shown: tuple[np.ndarray, np.ndarray],
) -> State:
    """The sampler's state after step i, known parts unchanged.

    denoise: is given what each half sees, (halves, *x.shape), and answers for the sample.
    known: as in `hold`; the state holds these parts clean. own: unit noise in the latents' shape,
    the same at every step; the noise that the latents began with makes a known part no stranger.
    shown: of `levels`.
    """
    clean = state["x"]
    dtype = jnp.promote_types(clean.dtype, jnp.float32)
    axes = range(1, clean.ndim + 1)
    alpha, sigma = (lax.expand_dims(jnp.asarray(x, dtype)[:, i], axes) for x in shown)
    noisy = (alpha * clean + sigma * own).astype(clean.dtype)

    def seen(x: Array, time: ArrayLike) -> Array:
        return denoise(jnp.where(known, noisy, x), time)

    return hold(sampler.step(state, seen, i, noise), clean, known)
