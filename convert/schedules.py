"""Noise schedules as others store them: lvdm's buffers, diffusers' scheduler_config.json."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from vinf_jax.diffusion.schedule import Schedule, videocrafter2_signal_scale

from .component_configs import VERSION

TOLERANCE = 1e-6
"""Of a stored buffer to the recomputed one, relative to the larger of 1 and the value."""
FLAT = 0.7
"""VideoCrafter2's signal scale at its end; some files hold 400 more of it than there are times."""
PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v", "sample": "x0"}
MOST_TIMES = 100_000
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
"""Of Stable Diffusion and all models that are read here, also where a folder says nothing."""


class Found(NamedTuple):
    """A schedule, and what the comparison with the stored numbers said, for the report."""

    schedule: Schedule
    said: dict[str, Any]


def of_buffers(buffers: Mapping[str, np.ndarray]) -> Found | None:
    """The schedule that lvdm's buffers mean, None if there are none.

    That is the usual one if `alphas_cumprod` agrees with it, otherwise the stored one; the other
    buffers are compared with what follows from it.

    Raises:
        ValueError: buffers that are no schedule.
    """
    if "alphas_cumprod" not in buffers:
        return None
    stored = np.asarray(buffers["alphas_cumprod"], np.float64)
    if stored.ndim != 1 or len(stored) < 2:
        raise ValueError(f"alphas_cumprod has shape {stored.shape}; give one number for each time")
    usual = Schedule.scaled_linear()
    standard = stored.shape == usual.alphas_cumprod.shape and (
        _distance(stored, usual.alphas_cumprod) <= TOLERANCE
    )
    alphas = usual.alphas_cumprod if standard else _own(buffers, stored)
    scale = None
    if "scale_arr" in buffers:
        scale = _signal_scale(np.asarray(buffers["scale_arr"], np.float64), len(alphas))
    schedule = Schedule(alphas, scale)
    wanted = recomputed(schedule)
    distances = {
        name: _distance(np.asarray(buffers[name], np.float64), values)
        for name, values in wanted.items()
        if name in buffers
    }
    return Found(
        schedule,
        {
            "kind": "usual (scaled linear, 0.00085 to 0.012)" if standard else "the file's own",
            "signal_scale": scale is not None,
            "buffers": len(distances),
            "largest_difference": max(distances.values()),
            "agree": max(distances.values()) <= TOLERANCE,
            "differing": [name for name, value in distances.items() if not value <= TOLERANCE],
        },
    )


def line(said: Mapping[str, Any]) -> str:
    """What was found, for people."""
    scale = " with VideoCrafter2's signal scale" if said["signal_scale"] else ""
    if "buffers" not in said:
        return f"{said['kind']}{scale}"
    agree = "agree with" if said["agree"] else "DIFFER from"
    return (
        f"{said['kind']}{scale}; {said['buffers']} stored buffers {agree} the recomputed ones "
        f"(largest difference {said['largest_difference']:.1e})"
    )


def of_config(config: Mapping[str, Any] | None) -> Found:
    """The schedule of scheduler_config.json; the usual one where there is none.

    Raises:
        ValueError: a kind of schedule that is not known here.
    """
    fields: dict[str, Any] = BETAS | {"beta_schedule": "scaled_linear"} | dict(config or {})
    kind, times = fields["beta_schedule"], fields["num_train_timesteps"]
    if fields.get("rescale_betas_zero_snr"):
        raise ValueError("scheduler_config.json: rescale_betas_zero_snr is not supported")
    if not isinstance(times, int) or not 2 <= times <= MOST_TIMES:
        raise ValueError(f"scheduler_config.json: num_train_timesteps {times!r}; 1000 is usual")
    try:
        if fields.get("trained_betas"):
            kind = "trained_betas"
            schedule = Schedule(np.cumprod(1 - np.asarray(fields["trained_betas"], np.float64)))
        elif kind == "scaled_linear":
            schedule = Schedule.scaled_linear(fields["beta_start"], fields["beta_end"], times)
        elif kind == "linear":
            betas = np.linspace(fields["beta_start"], fields["beta_end"], times, dtype=np.float64)
            schedule = Schedule(np.cumprod(1 - betas))
        else:
            raise ValueError("only scaled_linear, linear and trained_betas are read")
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"scheduler_config.json: beta_schedule {kind!r}: {error}") from error
    said = {"kind": kind if config else "usual; no scheduler_config.json", "signal_scale": False}
    return Found(schedule, said)


def config_of(schedule: Schedule, prediction: str) -> dict[str, Any]:
    """scheduler_config.json of a schedule. The signal scale has no place in it."""
    names = {ours: theirs for theirs, ours in PREDICTIONS.items()}
    standard = schedule.alphas_cumprod.tolist() == Schedule.scaled_linear().alphas_cumprod.tolist()
    alphas = np.concatenate([[1.0], schedule.alphas_cumprod])
    return {
        "_class_name": "DDIMScheduler",
        "_diffusers_version": VERSION,
        **BETAS,
        "num_train_timesteps": schedule.num_train,
        "beta_schedule": "scaled_linear",
        "trained_betas": None if standard else (1 - alphas[1:] / alphas[:-1]).tolist(),
        "clip_sample": False,
        "prediction_type": names[prediction],
        "set_alpha_to_one": False,
        "steps_offset": 1,
    }


def prediction_of(config: Mapping[str, Any] | None) -> str:
    """What the UNet answers, as `Settings.prediction`.

    Raises:
        ValueError: a kind that is not known here.
    """
    name = (config or {}).get("prediction_type", "epsilon")
    if not isinstance(name, str) or name not in PREDICTIONS:
        raise ValueError(
            f"scheduler_config.json: prediction_type {name!r}; {', '.join(PREDICTIONS)} are read"
        )
    return PREDICTIONS[name]


def recomputed(schedule: Schedule) -> dict[str, np.ndarray]:
    """lvdm's buffers of a schedule, float64; Ho et al. 2020 (arXiv 2006.11239, eq. 6 and 7)."""
    kept = schedule.alphas_cumprod
    before = np.concatenate([[1.0], kept[:-1]])
    betas, lost = 1 - kept / before, 1 - kept
    variance = betas * (1 - before) / lost
    made = {
        "betas": betas,
        "alphas_cumprod": kept,
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": np.sqrt(kept),
        "sqrt_one_minus_alphas_cumprod": np.sqrt(lost),
        "log_one_minus_alphas_cumprod": np.log(lost),
        "sqrt_recip_alphas_cumprod": np.sqrt(1 / kept),
        "sqrt_recipm1_alphas_cumprod": np.sqrt(1 / kept - 1),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": np.log(np.maximum(variance, 1e-20)),
        "posterior_mean_coef1": betas * np.sqrt(before) / lost,
        "posterior_mean_coef2": (1 - before) * np.sqrt(1 - betas) / lost,
    }
    if schedule.signal_scale is not None:
        made["scale_arr"] = schedule.signal_scale
    return made


def _own(buffers: Mapping[str, np.ndarray], stored: np.ndarray) -> np.ndarray:
    """alphas_cumprod out of the betas if they are there: float32 keeps more of these."""
    if "betas" not in buffers or np.shape(buffers["betas"]) != stored.shape:
        return stored
    return np.cumprod(1 - np.asarray(buffers["betas"], np.float64))


def _signal_scale(stored: np.ndarray, times: int) -> np.ndarray:
    """One factor per time; what the file holds beyond them must be the flat end once more."""
    usual = videocrafter2_signal_scale(times)
    if stored.ndim != 1 or len(stored) < times:
        raise ValueError(f"scale_arr has shape {stored.shape}; give one factor for {times} times")
    if _distance(stored[times:], np.full(len(stored) - times, FLAT)) > TOLERANCE:
        raise ValueError(f"scale_arr has more factors than there are times, and not all are {FLAT}")
    agrees = _distance(stored[:times], usual) <= TOLERANCE
    return usual if agrees else stored[:times]


def _distance(stored: np.ndarray, wanted: np.ndarray) -> float:
    stored = stored[: len(wanted)] if stored.ndim == 1 else stored
    if stored.shape != wanted.shape:
        return float("inf")
    return float(np.max(np.abs(stored - wanted) / np.maximum(np.abs(wanted), 1), initial=0.0))
