"""What a network predicts, brought to one form; guidance wraps that form and keeps it.

A `Denoiser` is a function `(x, time) -> epsilon`: from noisy samples of any shape and one whole
diffusion time (0..999, a scalar that may be traced) to the predicted unit noise in the shape of x.
Samplers ask nothing else of a model.

A network may predict one of three things about x = alpha x0 + sigma epsilon:

    epsilon    the unit noise (Ho et al. 2020)
    x0         the clean sample
    v          alpha epsilon - sigma x0 (Salimans and Ho 2022, arXiv 2202.00512, appendix D)
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from vinf_jax.diffusion.schedule import Schedule, refuse

Model = Callable[[Array, ArrayLike], Array]
Denoiser = Callable[[Array, ArrayLike], Array]


class Kind(NamedTuple):
    """One kind of prediction, in the levels a = alpha and s = sigma; a^2 + s^2 need not be 1."""

    x0: Callable  # (output, x, a, s) -> clean sample
    epsilon: Callable  # (output, x, a, s) -> unit noise
    target: Callable  # (x0, epsilon, a, s) -> what the network should have said
    gain: Callable  # (a, s) -> |error of x0| per error of the output, at a given x


KINDS = {
    "epsilon": Kind(
        x0=lambda output, x, a, s: (x - s * output) / a,
        epsilon=lambda output, x, a, s: output,
        target=lambda x0, epsilon, a, s: epsilon,
        gain=lambda a, s: s / a,
    ),
    "x0": Kind(
        x0=lambda output, x, a, s: output,
        epsilon=lambda output, x, a, s: (x - a * output) / s,
        target=lambda x0, epsilon, a, s: x0,
        gain=lambda a, s: jnp.ones_like(a),
    ),
    "v": Kind(
        x0=lambda output, x, a, s: (a * x - s * output) / (a**2 + s**2),
        epsilon=lambda output, x, a, s: (s * x + a * output) / (a**2 + s**2),
        target=lambda x0, epsilon, a, s: a * epsilon - s * x0,
        gain=lambda a, s: s / (a**2 + s**2),
    ),
}


def prediction_troubles(name: str) -> list[str]:
    """What is wrong with a setting `prediction`."""
    if name in KINDS:
        return []
    return [f"prediction: {name!r}; give one of {', '.join(KINDS)}"]


def kind_named(name: str) -> Kind:
    """The formulas of a prediction kind; ValueError for a name that is none."""
    if name not in KINDS:
        refuse([f"prediction kind {name!r} is unknown: give one of {', '.join(KINDS)}"])
    return KINDS[name]


def clean_and_noise(
    schedule: Schedule, kind: str, output: Array, x: Array, time: ArrayLike
) -> tuple[Array, Array]:
    """(x0, epsilon) that an output at x means; `time` is a scalar, or (b,) for x (b, ...)."""
    formulas, (alpha, sigma) = kind_named(kind), schedule.levels(time, x)
    return formulas.x0(output, x, alpha, sigma), formulas.epsilon(output, x, alpha, sigma)


def training_target(
    schedule: Schedule, kind: str, x0: Array, epsilon: Array, time: ArrayLike
) -> Array:
    """What a network of this kind should answer at `schedule.noisy(x0, epsilon, time)`."""
    return kind_named(kind).target(x0, epsilon, *schedule.levels(time, x0))


def denoiser(model: Model, schedule: Schedule, kind: str = "epsilon") -> Denoiser:
    """A Denoiser of a network that predicts `kind`.

    The model may answer with leading axes that x lacks, such as the two halves of `guided`; they
    are kept.
    """
    formulas = kind_named(kind)

    def denoise(x: Array, time: ArrayLike) -> Array:
        return formulas.epsilon(model(x, time), x, *schedule.levels(time, x))

    return denoise


def guided(halves: Denoiser, scale: ArrayLike) -> Denoiser:
    """Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598), as a Denoiser again.

    halves: (x, time) -> (2, *x.shape), the unconditional half first. scale 1 is the conditional
    half, to the bit; 0 the unconditional one.
    """

    def denoise(x: Array, time: ArrayLike) -> Array:
        unconditional, conditional = halves(x, time)
        return conditional + (scale - 1) * (conditional - unconditional)

    return denoise
