"""A model in plain numpy in the place of the real one, for tests of what lies around it: its video
depends on prompts, seed, known frames and every step, and costs nothing."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tests.tiny import LENGTH, SETTINGS, WORDS
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.tokenizer import WordTokenizer
from vinf_jax.systems.video_infinity import Progress, Settings, VideoInfinity
from vinf_jax.systems.video_infinity.making import Making
from vinf_jax.systems.video_infinity.request import Limits, Request, request

SIDE = 8
"""Pixels per latent, on each side."""


class StandInMaking(Making):
    """calls: the numbers of the waves that were made, and the steps of each that were."""

    def __init__(self, request: Request) -> None:
        self.request, self.waves, self.steps = request, request.waves, request.steps
        self.shape = (request.height // SIDE, request.width // SIDE, 4)
        self.dtype, self.timings = np.dtype(np.float32), {}
        self.calls: list[tuple[int, int]] = []

    def wave(
        self,
        index: int,
        latents_of: Callable[[Sequence[int]], np.ndarray],
        *,
        state: dict[str, np.ndarray] | None = None,
        step: int = 0,
        on_state: Callable[[int, dict[str, np.ndarray]], object] | None = None,
        state_every: int = 1,
        on_step: Callable[[Progress], object] | None = None,
    ) -> np.ndarray:
        wave = self.waves[index]
        known = np.array(wave.known)
        now = state or self._first(wave, known, latents_of)
        for i in range(step, self.steps):
            self.calls.append((index, i))
            x0 = np.tanh(now["x"] + now["x0"].mean(0) + 0.1 * self._word(i))
            x = np.where(known[:, None, None, None], now["x"], 0.7 * now["x"] + 0.3 * x0)
            now = {"x": x.astype(self.dtype), "x0": x0.astype(self.dtype)}
            self._tell(on_step, "denoise", i + 1, self.steps, index)
            if on_state and (i + 1) % state_every == 0 and i + 1 < self.steps:
                on_state(i + 1, now)
        return now["x"][~known]

    def spans(self, index: int) -> tuple[tuple[int, int], tuple[int, int]]:
        whole = 0, len(self.waves[index].numbers)
        return whole, whole

    def decode(
        self,
        latents: np.ndarray,
        *,
        on_step: Callable[[Progress], object] | None = None,
        index: int = 0,
    ) -> Iterator[np.ndarray]:
        for first in range(0, len(latents), 8):
            self._tell(on_step, "decode", first, len(latents), index)
            yield shown(latents[first : first + 8])

    def _first(self, wave: Any, known: np.ndarray, latents_of: Any) -> dict[str, np.ndarray]:
        draws = [np.random.default_rng((self.request.seed, n)) for n in wave.numbers]
        x = np.stack([rng.standard_normal(self.shape, self.dtype) for rng in draws])
        if known.any():
            x[known] = latents_of(wave.held)
        return {"x": x, "x0": np.zeros_like(x)}

    def _word(self, i: int) -> float:
        return len(self.request.prompts[i % len(self.request.prompts)])

    def _tell(self, on_step: Any, stage: str, step: int, steps: int, index: int) -> None:
        if on_step:
            rest = (self.request.frames, index, len(self.waves), (), lambda x: shown(x))
            on_step(Progress(stage, step, steps, 0.0, None, *rest))


class StandIn(VideoInfinity):
    """Pixels and latents say the same, but for rounding."""

    def __init__(self, **settings: Any) -> None:
        self.settings, self.schedule = Settings(**SETTINGS | settings), Schedule.scaled_linear()
        self.tokenizer, self.timings = WordTokenizer(WORDS, LENGTH), {}

    def begin(self, prompts: Any, *, frames: int, **wishes: Any) -> StandInMaking:
        limits = Limits(self.settings, self.schedule, self.tokenizer, 16, 8)
        named = inspect.signature(VideoInfinity.begin).parameters.values()
        unsaid = {each.name: each.default for each in named if each.kind is each.KEYWORD_ONLY}
        del unsaid["devices"]
        asked = unsaid | wishes | {"prompts": prompts, "frames": frames}
        return StandInMaking(request(limits, **asked))

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        n, height, width, _ = pixels.shape
        blocks = pixels.reshape(n, height // SIDE, SIDE, width // SIDE, SIDE, 3)
        colours = blocks.mean((2, 4), dtype=np.float32) / 127.5 - 1
        return np.concatenate([colours, colours[..., :1]], -1)


def shown(latents: np.ndarray) -> np.ndarray:
    """uint8 (n, H, W, 3) of latents (n, h, w, 4)."""
    small = np.round((np.clip(latents[..., :3], -1, 1) + 1) * 127.5).astype(np.uint8)
    return small.repeat(SIDE, 1).repeat(SIDE, 2)
