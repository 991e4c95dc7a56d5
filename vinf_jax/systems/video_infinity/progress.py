"""Where the making of a video is, for those who want to be told."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vinf_jax.diffusion.samplers import State
from vinf_jax.parallel.timeline import spread
from vinf_jax.systems.video_infinity import decoding

SHOWN = 8
"""Frames of a preview."""


@dataclass(frozen=True)
class Progress:
    """Where a video is. stage: "set-up", "compile", "denoise" or "decode". step: how many of
    `steps` are done; a stage begins at 0. seconds: since the stage began. state: the sampler's,
    frames over clips, None before there is one. frames: of the video. wave: which of the `waves`,
    from 0. numbers: of the frames in its call that are this process's own.

    State and preview are there while `on_step` runs, and gone with the next step.
    """

    stage: str
    step: int
    steps: int
    seconds: float
    state: State | None
    frames: int
    wave: int
    waves: int
    numbers: tuple[int, ...]
    _picture: Callable[[np.ndarray], np.ndarray]

    @property
    def shown(self) -> list[int]:
        """The numbers of a preview's frames."""
        return [self.numbers[p] for p in self._places()]

    def preview(self) -> np.ndarray | None:
        """A few of these frames, uint8 (n, H, W, 3), evenly spaced, as they are estimated now;
        None before the first step."""
        if self.state is None:
            return None
        x0 = self.state["x0"]
        if x0.is_deleted():
            raise ValueError("preview: its step is over; ask for it while on_step runs")
        return self._picture(decoding.frames_at(x0, self._places()))

    def _places(self) -> list[int]:
        return spread(len(self.numbers), SHOWN)


class Telling:
    """Tells about the stages of one wave and adds up their times.

    timings: seconds by stage, kept up to date. rest: the fields of `Progress` that do not change.
    state: to be set by the one who tells.
    """

    def __init__(
        self, on_step: Callable[[Progress], object] | None, timings: dict[str, float], **rest: Any
    ) -> None:
        self._on_step, self._timings, self._rest = on_step, timings, rest
        self.state: State | None = None

    def begin(self, stage: str, steps: int, step: int = 0) -> None:
        self._stage, self._steps = stage, steps
        self._before, self._since = self._timings.get(stage, 0.0), time.perf_counter()
        self.tell(step)

    def tell(self, step: int) -> None:
        """So many steps of the stage are done."""
        self._seconds = time.perf_counter() - self._since
        self._timings[self._stage] = self._before + self._seconds
        if self._on_step:
            now = (self._stage, step, self._steps, self._seconds, self.state)
            self._on_step(Progress(*now, **self._rest))

    def resume(self) -> None:
        """What others did since the last word does not count as this stage's time."""
        self._since = time.perf_counter() - self._seconds
