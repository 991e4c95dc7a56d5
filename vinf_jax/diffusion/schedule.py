"""How noisy a sample is at a diffusion time, and which times a sampler visits.

A sample at time t (an integer, 0 the cleanest, 999 the noisiest) is
`alpha(t) * x0 + sigma(t) * epsilon`. Tables are float64 numpy; time grids run in sampling order,
the noisiest first.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike


@dataclass(frozen=True, eq=False, repr=False)
class Schedule:
    """A forward process. It compares and hashes by content, so jit may take it as static.

    alphas_cumprod: float64 (times,), strictly between 0 and 1, falling.
    signal_scale: (times,), a factor s(t) on the signal only, or None. With one, alpha^2 + sigma^2
    is not 1.
    """

    alphas_cumprod: np.ndarray
    signal_scale: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "alphas_cumprod", _constant(self.alphas_cumprod))
        if self.signal_scale is not None:
            object.__setattr__(self, "signal_scale", _constant(self.signal_scale))
        refuse(_table_troubles(self.alphas_cumprod, self.signal_scale))

    @classmethod
    def scaled_linear(
        cls, beta_start: float = 0.00085, beta_end: float = 0.012, num_train: int = 1000
    ) -> "Schedule":
        """Square roots of beta evenly spaced: Stable Diffusion, zeroscope, Video-Infinity."""
        betas = np.linspace(beta_start**0.5, beta_end**0.5, num_train, dtype=np.float64) ** 2
        return cls(np.cumprod(1 - betas))

    @classmethod
    def pvdm(cls) -> "Schedule":
        """As PVDM was trained, and the latent diffusion models before it."""
        return cls.scaled_linear(0.0015, 0.0195)

    @classmethod
    def videocrafter2(cls) -> "Schedule":
        """As VideoCrafter2 was trained: with its signal scale, which Video-Infinity leaves out."""
        return cls(cls.scaled_linear().alphas_cumprod, videocrafter2_signal_scale())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and self._contents() == other._contents()

    def __hash__(self) -> int:
        return hash(self._contents())

    def __repr__(self) -> str:
        scale = "" if self.signal_scale is None else ", with a signal scale"
        return f"<Schedule of {self.num_train} times{scale}>"

    def _contents(self) -> tuple[bytes, bytes | None]:
        scale = self.signal_scale
        return self.alphas_cumprod.tobytes(), None if scale is None else scale.tobytes()

    @property
    def num_train(self) -> int:
        """How many times there are: 0 .. num_train - 1."""
        return len(self.alphas_cumprod)

    @property
    def alphas(self) -> np.ndarray:
        """What the clean signal is multiplied by at each time, float64 (times,)."""
        scale = 1.0 if self.signal_scale is None else self.signal_scale
        return np.sqrt(self.alphas_cumprod) * scale

    @property
    def sigmas(self) -> np.ndarray:
        """What the unit noise is multiplied by at each time, float64 (times,)."""
        return np.sqrt(1 - self.alphas_cumprod)

    def levels(self, time: ArrayLike, like: Array) -> tuple[Array, Array]:
        """alpha and sigma at `time`, ready to multiply `like`; NaN at a time that does not exist.

        time: integer scalar, or (b,) with one time per sample of `like` (b, ...). At least float32.
        """
        dtype = jnp.promote_types(like.dtype, jnp.float32)
        time = jnp.asarray(time)
        shape = time.shape + (1,) * (like.ndim - 1) if time.ndim else ()
        found = [
            jnp.asarray(table, dtype)
            .at[time]
            .get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)
            .reshape(shape)
            for table in (self.alphas, self.sigmas)
        ]
        return found[0], found[1]

    def noisy(self, x0: Array, noise: Array, time: ArrayLike) -> Array:
        """`x0` (b, ...) brought to `time`, a scalar or (b,), with unit noise of its shape."""
        alpha, sigma = self.levels(time, x0)
        return (alpha * x0 + sigma * noise).astype(x0.dtype)


def videocrafter2_signal_scale(num_train: int = 1000) -> np.ndarray:
    """s(t) of VideoCrafter2 (`use_scale`): from 1 at time 0 to 0.7 at time 399, then 0.7."""
    return 1 - 0.3 * np.minimum(np.arange(num_train) / 399, 1)


def ddim_times(steps: int, num_train: int = 1000) -> np.ndarray:
    """VideoCrafter2's times for a wish of `steps`: every (num_train // steps)th, plus 1, int32.

    Their number is not `steps` in general: 30 gives 31 times, 60 gives 63.
    """
    refuse(ddim_step_troubles(steps, num_train))
    return np.arange(1, num_train + 1, num_train // steps, dtype=np.int32)[::-1]


def ddim_step_troubles(steps: int, num_train: int = 1000) -> list[str]:
    """Why `ddim_times` cannot serve a step count, as one message for people, or nothing."""
    if troubles := _count_troubles(steps, num_train):
        return troubles
    if _ddim_fits(steps, num_train):
        return []
    sides = range(steps - 1, 0, -1), range(steps + 1, num_train + 1)
    near = [next((s for s in side if _ddim_fits(s, num_train)), None) for side in sides]
    return [
        f"steps={steps}: VideoCrafter2's rule would visit time {num_train}, past the last one, "
        f"{num_train - 1}; the nearest counts that fit are "
        + " and ".join(str(count) for count in near if count)
    ]


def solver_times(steps: int, num_train: int = 1000) -> np.ndarray:
    """Evenly spaced times, time 0 left out, int32 (steps,): diffusers' "linspace" spacing."""
    refuse(solver_step_troubles(steps, num_train))
    return np.linspace(0, num_train - 1, steps + 1).round()[:0:-1].astype(np.int32)


def solver_step_troubles(steps: int, num_train: int = 1000) -> list[str]:
    """Why a solver cannot take this many steps, as one message for people, or nothing."""
    return _count_troubles(steps, num_train - 1)


def truncated_times(steps: int, num_train: int = 1000) -> np.ndarray:
    """PVDM's times: evenly spaced from -1 (no noise) to the last one, cut off to whole numbers,
    without the -1; uneven where num_train / steps is not whole. int32 (steps,)."""
    refuse(_count_troubles(steps, num_train))
    spaced = np.linspace(-1, num_train - 1, steps + 1)
    return spaced.astype(np.int32)[:0:-1]


def noise_ratios(schedule: Schedule) -> np.ndarray:
    """Noise in units of the signal at each time, signal scale aside: float64 (times,)."""
    return np.sqrt((1 - schedule.alphas_cumprod) / schedule.alphas_cumprod)


def solver_sigmas(schedule: Schedule, steps: int) -> np.ndarray:
    """Noise ratios at `solver_times`, and a last 0: float64 (steps + 1,)."""
    return np.append(noise_ratios(schedule)[solver_times(steps, schedule.num_train)], 0.0)


def karras(schedule: Schedule, steps: int, rho: float = 7.0) -> tuple[np.ndarray, np.ndarray]:
    """Noise ratios spaced as in Karras et al. 2022 (arXiv 2206.00364, eq. 5), and their times.

    Returns int32 times (steps,), which may repeat near the end, and float64 ratios (steps + 1,)
    with a last 0. The ends are the schedule's own; times are interpolated in the logarithm of the
    ratio and rounded, as diffusers does.
    """
    refuse(solver_step_troubles(steps, schedule.num_train))
    ratios = noise_ratios(schedule)
    top, bottom = ratios[-1] ** (1 / rho), ratios[0] ** (1 / rho)
    spaced = (top + np.linspace(0, 1, steps) * (bottom - top)) ** rho
    times = np.interp(np.log(spaced), np.log(ratios), np.arange(schedule.num_train))
    return times.round().astype(np.int32), np.append(spaced, 0.0)


def refuse(troubles: list[str]) -> None:
    """Raise one ValueError that says all the troubles, if there are any."""
    if troubles:
        raise ValueError("; ".join(troubles))


def _ddim_fits(steps: int, num_train: int) -> bool:
    return (num_train - 1) % (num_train // steps) != 0


def _count_troubles(steps: int, most: int) -> list[str]:
    whole = isinstance(steps, int | np.integer) and not isinstance(steps, bool)
    if whole and 1 <= steps <= most:
        return []
    return [f"steps={steps!r}: give a whole number of sampling steps from 1 to {most}"]


def _constant(values: np.ndarray) -> np.ndarray:
    copy = np.array(values, np.float64)
    copy.setflags(write=False)
    return copy


def _table_troubles(alphas_cumprod: np.ndarray, signal_scale: np.ndarray | None) -> list[str]:
    troubles = []
    if alphas_cumprod.ndim != 1 or len(alphas_cumprod) < 2:
        troubles.append(
            f"alphas_cumprod has shape {alphas_cumprod.shape}: give one value per time, at least 2"
        )
    elif alphas_cumprod[0] >= 1 or alphas_cumprod[-1] <= 0 or np.any(np.diff(alphas_cumprod) >= 0):
        troubles.append("alphas_cumprod must fall from below 1 to above 0 without a rest")
    if signal_scale is None:
        return troubles
    if signal_scale.shape != alphas_cumprod.shape:
        troubles.append(
            f"signal_scale has shape {signal_scale.shape}: give the {alphas_cumprod.shape} of "
            "alphas_cumprod"
        )
    elif not np.all(signal_scale > 0):
        troubles.append("signal_scale must be above 0 at every time")
    return troubles
