"""The model that ships, in float32 on the accelerator: against the processor, and resumed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

import vinf_jax
from vinf_jax.systems.video_infinity import VideoInfinity

WEIGHTS = Path(vinf_jax.__file__).parent / "weights" / "sprites"
PROMPTS = ("a red circle moves right over a plain white background",)


def compared(tiny: bool) -> dict[str, Any]:
    """One video: its bytes on both devices, and whether it is the same if it goes on from its
    middle."""
    made = VideoInfinity.load(WEIGHTS)
    how = {"frames": 8, "steps": 2} if tiny else {"frames": 48, "steps": made.settings.steps}
    processor = jax.devices("cpu")[:1]
    ours, seconds = _timed(lambda: made.generate(PROMPTS, seed=1, **how))
    timings = made.timings
    with jax.default_device(processor[0]):
        other, slow = _timed(lambda: made.generate(PROMPTS, seed=1, devices=processor, **how))
    apart = np.abs(ours.astype(int) - other)
    return {
        **how,
        "seconds": seconds,
        "step_seconds": timings["denoise"] / how["steps"],
        "processor_seconds": slow,
        "largest_difference": int(apart.max()),
        "mean_difference": float(apart.mean()),
        "resumed_equals": _resumed(made, how),
    }


def _timed(make: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    began = time.perf_counter()
    return make(), time.perf_counter() - began


def _resumed(made: VideoInfinity, how: dict[str, int]) -> bool:
    """Whether going on from the middle gives the latents of a run without a break, bit for bit."""
    making, states = made.begin(PROMPTS, seed=1, **how), {}

    def keep(step: int, state: Any) -> None:
        states[step] = state

    def none(numbers: Any) -> np.ndarray:
        return np.zeros(0)

    undisturbed = making.wave(0, none, on_state=keep)
    step = max(1, how["steps"] // 2)
    resumed = making.wave(0, none, state=states[step], step=step)
    return bool(np.array_equal(undisturbed, resumed))
