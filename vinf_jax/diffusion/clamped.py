"""PVDM's sampler (arXiv 2302.07685; the public code's `ddim_sample` and `p_sample`).

For latents that are known to lie in [-1, 1]: every estimate of the clean sample is clamped to that
range, while the predicted noise stays what the network said. The last step returns the estimate.
The contract is that of `samplers`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from vinf_jax.diffusion.denoiser import Denoiser
from vinf_jax.diffusion.samplers import State, coefficients, given
from vinf_jax.diffusion.schedule import Schedule, refuse, truncated_times


class Row(NamedTuple):
    """x' = clean clamp(x0) + noisy x + direction epsilon + fresh noise, with x0 = (x - sigma
    epsilon) / alpha."""

    alpha: Any
    sigma: Any
    clean: Any
    noisy: Any
    direction: Any
    fresh: Any


@dataclass(frozen=True)
class Clamped:
    """DDIM on PVDM's uneven times; with as many steps as there are times, ancestral DDPM.

    eta: of DDIM; 0 is deterministic, 1 is PVDM's.
    """

    schedule: Schedule
    steps: int
    eta: float = 1.0

    def __post_init__(self) -> None:
        truncated_times(self.steps, self.schedule.num_train)
        if not 0 <= self.eta <= 1:
            refuse([f"eta={self.eta!r}: give a number from 0 (no noise) to 1 (ancestral)"])

    @property
    def ancestral(self) -> bool:
        return self.steps == self.schedule.num_train

    @property
    def stochastic(self) -> bool:
        return self.ancestral or self.eta > 0

    @cached_property
    def times(self) -> np.ndarray:
        return truncated_times(self.steps, self.schedule.num_train)

    @cached_property
    def table(self) -> Row:
        """The coefficients of all steps, float64 (n,) each; behind the last one there is no noise.

        DDIM: Song et al. 2020, eq. 12. DDPM: Ho et al. 2020, eq. 7, with the posterior's variance.
        """
        a = self.schedule.alphas_cumprod[self.times]
        then, none = np.append(a[1:], 1.0), np.zeros_like(a)
        beta = 1 - a / then
        fresh = np.sqrt(beta * (1 - then) / (1 - a))
        if self.ancestral:
            clean, noisy = beta * np.sqrt(then), (1 - then) * np.sqrt(a / then)
            return Row(np.sqrt(a), np.sqrt(1 - a), clean / (1 - a), noisy / (1 - a), none, fresh)
        fresh = self.eta * fresh
        direction = np.sqrt(1 - then - fresh**2)
        return Row(np.sqrt(a), np.sqrt(1 - a), np.sqrt(then), none, direction, fresh)

    def init(self, noise: Array) -> State:
        return {"x": noise, "x0": jnp.zeros_like(noise)}

    def step(
        self, state: State, denoise: Denoiser, i: ArrayLike, noise: Array | None = None
    ) -> State:
        x, row = state["x"], Row(*coefficients(self, i, state["x"].dtype))
        epsilon = denoise(x, jnp.asarray(self.times)[i])
        x0 = jnp.clip((x - row.sigma * epsilon) / row.alpha, -1, 1)
        new = row.clean * x0 + row.noisy * x + row.direction * epsilon
        if self.stochastic:
            new = new + row.fresh * given(noise)
        return {"x": new.astype(x.dtype), "x0": x0.astype(x.dtype)}

    def result(self, state: State) -> Array:
        return state["x"]
