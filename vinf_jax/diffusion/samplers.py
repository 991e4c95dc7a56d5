"""Samplers: from unit noise to clean latents, one pure step at a time.

A sampler is a frozen value (hashable, so it may be a static argument of jit) with

    times             int32 numpy (n,): the diffusion time of each step, in order;
                      n is the real number of steps
    table             coefficients of all steps; the columns `alpha` and `sigma` are the levels at
                      which each step finds its sample
    stochastic        the claim that steps use noise
    init(noise)       the state to begin with, from unit noise in the latents' shape
    step(state, denoise, i, noise)
                      the state after step i; pure
    result(state)     the finished latents

`state` is a flat dict of arrays, all of the latents' shape and dtype: `x`, the noisy latents, and
`x0`, the latest estimate of the clean ones (for previews, and the memory of multistep solvers). It
is all that a sampler remembers, so it can be saved between steps.

`denoise` is a `vinf_jax.diffusion.denoiser.Denoiser`. `i` is a Python int or a traced integer:
every number that depends on it comes from a table, so one compilation serves all steps. `noise` is
fresh unit noise in the latents' shape for every step of a stochastic sampler, the last included;
other samplers do not look at it. Arithmetic is at least float32, whatever the state is kept in.

A new sampler is one more class with these names.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from vinf_jax.diffusion.denoiser import Denoiser
from vinf_jax.diffusion.schedule import (
    Schedule,
    ddim_step_troubles,
    ddim_times,
    karras,
    refuse,
    solver_sigmas,
    solver_step_troubles,
    solver_times,
)

State = dict[str, Array]


@runtime_checkable
class Sampler(Protocol):
    """The contract above, for annotations."""

    @property
    def times(self) -> np.ndarray: ...
    @property
    def table(self) -> Any: ...
    @property
    def stochastic(self) -> bool: ...
    def init(self, noise: Array) -> State: ...
    def step(
        self, state: State, denoise: Denoiser, i: ArrayLike, noise: Array | None = None
    ) -> State: ...
    def result(self, state: State) -> Array: ...


class DDIMRow(NamedTuple):
    """x' = keep x0 + direction epsilon + fresh noise, with x0 = (x - sigma epsilon) / alpha."""

    alpha: Any
    sigma: Any
    keep: Any
    direction: Any
    fresh: Any


@dataclass(frozen=True)
class DDIM:
    """VideoCrafter2's own sampler (Song et al. 2020, arXiv 2010.02502, eq. 12), with its quirks.

    `steps` is a wish: see `ddim_times`. The last step ends at time 0, not at no noise, and with
    eta > 0 still adds noise; the result is that x, not the estimate of x0. eta: 0 is deterministic,
    1 (VideoCrafter2's default) is ancestral. The signal scale, if any, is the schedule's:
    `Schedule.videocrafter2()`.
    """

    schedule: Schedule
    steps: int
    eta: float = 1.0

    def __post_init__(self) -> None:
        troubles = ddim_step_troubles(self.steps, self.schedule.num_train)
        if not 0 <= self.eta <= 1:
            troubles.append(f"eta={self.eta!r}: give a number from 0 (no noise) to 1 (ancestral)")
        refuse(troubles)

    @property
    def stochastic(self) -> bool:
        return self.eta > 0

    @cached_property
    def times(self) -> np.ndarray:
        return ddim_times(self.steps, self.schedule.num_train)

    @cached_property
    def table(self) -> DDIMRow:
        """The coefficients of all steps, float64 (n,) each."""
        now, then = self.times, np.append(self.times[1:], 0)
        a, a_then = self.schedule.alphas_cumprod[now], self.schedule.alphas_cumprod[then]
        fresh = self.eta * np.sqrt((1 - a_then) / (1 - a) * (1 - a / a_then))
        return DDIMRow(
            alpha=self.schedule.alphas[now],
            sigma=self.schedule.sigmas[now],
            keep=self.schedule.alphas[then],
            direction=np.sqrt(1 - a_then - fresh**2),
            fresh=fresh,
        )

    def init(self, noise: Array) -> State:
        return {"x": noise, "x0": jnp.zeros_like(noise)}

    def step(
        self, state: State, denoise: Denoiser, i: ArrayLike, noise: Array | None = None
    ) -> State:
        x, row = state["x"], DDIMRow(*coefficients(self, i, state["x"].dtype))
        epsilon = denoise(x, jnp.asarray(self.times)[i])
        x0 = (x - row.sigma * epsilon) / row.alpha
        new = row.keep * x0 + row.direction * epsilon
        if self.stochastic:
            new = new + row.fresh * given(noise)
        return {"x": new.astype(x.dtype), "x0": x0.astype(x.dtype)}

    def result(self, state: State) -> Array:
        return state["x"]


class SolverRow(NamedTuple):
    """x' = keep x + pull x0 + bend (x0 - previous x0) + fresh noise; x0 as in DDIMRow."""

    alpha: Any
    sigma: Any
    keep: Any
    pull: Any
    bend: Any
    fresh: Any


@dataclass(frozen=True)
class DPMSolver:
    """DPM-Solver++ 2M (Lu et al. 2022, arXiv 2211.01095); stochastic, as Video-Infinity runs it.

    Agrees with diffusers' DPMSolverMultistepScheduler ("dpmsolver++" and "sde-dpmsolver++", order
    2, midpoint, last sigma zero). The first and the last step are of first order, and the last one
    returns the estimate of x0 to the bit. Video-Infinity asks for Karras sigmas under a name that
    its scheduler does not know, so its results are without (karras=False). Karras times are
    rounded, and a network of v or x0 is read by the levels of the rounded time, where diffusers
    reads it by the exact ones: x0 differs by some 0.003.
    """

    schedule: Schedule
    steps: int
    stochastic: bool = True
    karras: bool = False

    def __post_init__(self) -> None:
        troubles = solver_step_troubles(self.steps, self.schedule.num_train)
        if self.schedule.signal_scale is not None:
            troubles.append(
                "schedule: DPMSolver takes none with a signal scale (Video-Infinity leaves "
                "VideoCrafter2's out); give Schedule.scaled_linear(), or sample with DDIM"
            )
        refuse(troubles)

    @cached_property
    def times(self) -> np.ndarray:
        if self.karras:
            return karras(self.schedule, self.steps)[0]
        return solver_times(self.steps, self.schedule.num_train)

    @cached_property
    def sigmas(self) -> np.ndarray:
        """Noise in units of the signal before each step, and a last 0: float64 (n + 1,)."""
        if self.karras:
            return karras(self.schedule, self.steps)[1]
        return solver_sigmas(self.schedule, self.steps)

    @cached_property
    def table(self) -> SolverRow:
        """The coefficients of all steps, float64 (n,) each. The paper's exp(-h) is `fall`."""
        alpha = 1 / np.sqrt(1 + self.sigmas**2)
        sigma = self.sigmas * alpha
        fall = self.sigmas[1:] / self.sigmas[:-1]
        pull = alpha[1:] * (1 - fall ** (2 if self.stochastic else 1))
        bend = np.zeros(self.steps)
        bend[1:-1] = 0.5 * pull[1:-1] * np.log(fall[1:-1]) / np.log(fall[:-2])
        return SolverRow(
            alpha=alpha[:-1],
            sigma=sigma[:-1],
            keep=sigma[1:] / sigma[:-1] * (fall if self.stochastic else 1),
            pull=pull,
            bend=bend,
            fresh=sigma[1:] * np.sqrt(1 - fall**2) * self.stochastic,
        )

    def init(self, noise: Array) -> State:
        return {"x": noise, "x0": jnp.zeros_like(noise)}

    def step(
        self, state: State, denoise: Denoiser, i: ArrayLike, noise: Array | None = None
    ) -> State:
        x, row = state["x"], SolverRow(*coefficients(self, i, state["x"].dtype))
        epsilon = denoise(x, jnp.asarray(self.times)[i])
        x0 = (x - row.sigma * epsilon) / row.alpha
        new = row.keep * x + row.pull * x0 + row.bend * (x0 - state["x0"])
        if self.stochastic:
            new = new + row.fresh * given(noise)
        return {"x": new.astype(x.dtype), "x0": x0.astype(x.dtype)}

    def result(self, state: State) -> Array:
        return state["x"]


def coefficients(sampler: Any, i: ArrayLike, dtype: Any) -> list[Array]:
    """Step i's row of a sampler's table, in at least float32."""
    last = len(sampler.times) - 1
    if isinstance(i, int | np.integer) and not 0 <= i <= last:
        refuse([f"i={i}: this sampler has steps 0 to {last}"])
    dtype = jnp.promote_types(dtype, jnp.float32)
    return [jnp.asarray(column, dtype)[i] for column in sampler.table]


def given(noise: Array | None) -> Array:
    """The noise of a stochastic step; ValueError where there is none."""
    if noise is None:
        raise ValueError(
            "noise=None: this sampler is stochastic; give every step unit noise in the latents' "
            "shape, or make it deterministic (DDIM: eta=0, DPMSolver: stochastic=False)"
        )
    return noise
