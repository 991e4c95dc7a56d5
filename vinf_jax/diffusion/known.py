"""Known frames: parts of a sample that are given while the rest is denoised around them.

At every step a known part is brought to that step's level with noise of its own, so the network
sees it as it sees the rest (as RePaint does with known pixels, Lugmayr et al. 2022,
arXiv 2201.09865, eq. 8a). A network that was trained with parts seen earlier than the rest can be
shown them so: no noisier than at a given diffusion time (as conditioning frames in Diffusion
Forcing, Chen et al. 2024, arXiv 2407.01392). Between steps, and after the last one, a known part
lies clean in the state.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from vinf_jax.diffusion.denoiser import Denoiser
from vinf_jax.diffusion.samplers import Sampler, State
from vinf_jax.diffusion.schedule import Schedule

OWN_LEVEL = 1000
"""A time later than all: known parts are as noisy as each step finds the rest."""


def hold(state: State, clean: Array, known: Array) -> State:
    """The state in which the `known` parts are those of `clean`. known: booleans that broadcast
    against the latents."""
    return {name: jnp.where(known, clean, x) for name, x in state.items()}


def levels(sampler: Sampler, schedule: Schedule, latest: int) -> tuple[np.ndarray, np.ndarray]:
    """alpha and sigma with which known parts are shown at each step, float64 (n,): the step's own,
    or those of the time `latest` where the step's is later."""
    last = min(latest, schedule.num_train - 1)
    late = sampler.times > last
    pairs = (sampler.table.alpha, schedule.alphas), (sampler.table.sigma, schedule.sigmas)
    alpha, sigma = (np.where(late, then[last], own) for own, then in pairs)
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

    known: as in `hold`; the state holds these parts clean. own: unit noise in the latents' shape,
    the same at every step; the noise that the latents began with makes a known part no stranger.
    shown: of `levels`.
    """
    clean = state["x"]
    dtype = jnp.promote_types(clean.dtype, jnp.float32)
    alpha, sigma = (jnp.asarray(x, dtype)[i] for x in shown)
    noisy = (alpha * clean + sigma * own).astype(clean.dtype)
    around = state | {"x": jnp.where(known, noisy, clean)}
    return hold(sampler.step(around, denoise, i, noise), clean, known)
