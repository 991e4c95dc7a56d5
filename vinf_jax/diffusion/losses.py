"""Training objectives."""

import jax
import jax.numpy as jnp
from jax import Array

from vinf_jax.diffusion.denoiser import Model, kind_named
from vinf_jax.diffusion.schedule import Schedule, refuse

WEIGHTS = ("uniform", "min_snr")


def denoising_loss(
    model: Model,
    schedule: Schedule,
    kind: str,
    x0: Array,
    noise: Array,
    times: Array,
    weight: str = "uniform",
    gamma: float = 5.0,
) -> Array:
    """Mean squared error of the network's answers, weighted, over everything: a scalar.

    model: (x (b, ...), times (b,)) -> its prediction of `kind`, in the shape of x.
    x0, noise: clean samples and unit noise (b, ...).
    times: whole diffusion times (b,), drawn by the caller.
    weight: "uniform", or "min_snr" (Hang et al. 2023, arXiv 2303.09556, section 3.4), which puts
    min(SNR, gamma) on the error of x0, SNR = (alpha / sigma)^2. Carried over to what the network
    predicts that is min(SNR, gamma) / SNR for epsilon and min(SNR, gamma) / (SNR + 1) for v.
    """
    formulas = kind_named(kind)
    if weight not in WEIGHTS:
        refuse([f"loss weight {weight!r} is unknown: give {' or '.join(WEIGHTS)}"])
    alpha, sigma = schedule.levels(times, x0)
    output = model(schedule.noisy(x0, noise, times), times)
    error = output - formulas.target(x0, noise, alpha, sigma)
    if weight == "min_snr":
        error = error * jnp.minimum(alpha / sigma, gamma**0.5) * formulas.gain(alpha, sigma)
    return (error**2).mean()


def diffusion_times(key: Array, focus: Array, shares: Array, num_train: int) -> Array:
    """Times (B,) from all of 0 .. num_train - 1; a sample whose share is s draws from those of its
    row of `focus` (B, 2: the first, and one behind the last; or one row for all) instead with the
    probability s."""
    times = jax.random.randint(key, shares.shape, 0, num_train)
    keys = jax.random.split(key)
    near = jax.random.randint(keys[0], shares.shape, focus[:, 0], focus[:, 1])
    return jnp.where(jax.random.uniform(keys[1], shares.shape) < shares, near, times)
