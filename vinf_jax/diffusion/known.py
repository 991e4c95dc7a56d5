"""Known frames: parts of a sample that are given while the rest is denoised around them.

At every step a known part is brought to that step's level with noise of its own, so the network
sees it as it sees the rest (as RePaint does with known pixels, Lugmayr et al. 2022,
arXiv 2201.09865, eq. 8a). Between steps, and after the last one, it lies clean in the state.
"""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from vinf_jax.diffusion.denoiser import Denoiser
from vinf_jax.diffusion.samplers import Sampler, State


def hold(state: State, clean: Array, known: Array) -> State:
    """The state in which the `known` parts are those of `clean`. known: booleans that broadcast
    against the latents."""
    return {name: jnp.where(known, clean, x) for name, x in state.items()}


def step(
    sampler: Sampler,
    state: State,
    denoise: Denoiser,
    i: ArrayLike,
    noise: Array | None,
    *,
    known: Array,
    own: Array,
) -> State:
    """The sampler's state after step i, known parts unchanged.

    known: as in `hold`; the state holds these parts clean. own: unit noise in the latents' shape,
    the same at every step; the noise that the latents began with makes a known part no stranger.
    """
    clean = state["x"]
    dtype = jnp.promote_types(clean.dtype, jnp.float32)
    alpha, sigma = (jnp.asarray(x, dtype)[i] for x in (sampler.table.alpha, sampler.table.sigma))
    noisy = (alpha * clean + sigma * own).astype(clean.dtype)
    around = state | {"x": jnp.where(known, noisy, clean)}
    return hold(sampler.step(around, denoise, i, noise), clean, known)
