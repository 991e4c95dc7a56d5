"""Frechet distance between the windows of long videos and real clips, through a named network."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.media.captions import parse
from vinf_jax.media.sprites import clip
from vinf_jax.metrics.frechet import STYLEGANV, Statistics, distance
from vinf_jax.metrics.moments import Moments, mixed

from .clip_sets import clip_set
from .feature_networks import Looking

TOGETHER = 8
"""Windows that the network sees in one call."""
OF_A_PROMPT = 16
"""Real clips that are drawn for each prompt of the sprites' world."""


EVERY = ""
"""Stands for whatever prompt there is."""


@dataclass(frozen=True)
class Real:
    """Features of real clips of `window` frames, by the prompt that they were drawn for, or under
    EVERY for all prompts. said: what they are, in words."""

    looking: Looking
    window: int
    size: tuple[int, int]
    said: str
    parts: dict[str, Moments]

    def distance(
        self,
        videos: Sequence[Moments],
        prompts: Sequence[Sequence[str]],
        weights: np.ndarray | None = None,
    ) -> float:
        """From the windows of videos, each of which counts as much as its weight; real clips count
        as much as the videos of their prompts."""
        weights = np.ones(len(videos)) if weights is None else weights
        real = self.parts.get(EVERY) or self._of(prompts, weights)
        return distance(self._statistics(real), self._statistics(mixed(videos, weights)))

    def _of(self, prompts: Sequence[Sequence[str]], weights: np.ndarray) -> Moments:
        counts = dict.fromkeys(self.parts, 0.0)
        for texts, weight in zip(prompts, weights, strict=True):
            for text in texts:
                counts[text] += weight / len(texts)
        return mixed(list(self.parts.values()), list(counts.values()))

    def _statistics(self, moments: Moments) -> Statistics:
        resolution = "x".join(map(str, self.size))
        return Statistics(STYLEGANV, self.looking.through, self.window, resolution, moments)


def features(looking: Looking, clips: Iterable[np.ndarray]) -> np.ndarray:
    """(n, D) of clips of uint8 (F, H, W, 3); the last call is filled up, to compile once.

    Raises:
        ValueError: no clips.
    """
    rest, found = iter(clips), []
    while batch := list(islice(rest, TOGETHER)):
        filled = np.stack([*batch, *[batch[-1]] * (TOGETHER - len(batch))])
        found.append(looking.of(filled)[: len(batch)])
    if not found:
        raise ValueError("window: no video has so many frames of one prompt; take a shorter one")
    return np.concatenate(found)


def real_sprites(
    looking: Looking, prompts: Sequence[str], window: int, fps: float, size: tuple[int, int]
) -> Real:
    """Clips that are drawn for these prompts, the same in number for each."""
    rows = features(looking, _drawn(prompts, window, fps, size))
    said = f"{OF_A_PROMPT} drawn clips of each of {len(prompts)} prompts"
    each = np.split(rows, len(prompts))
    parts = {text: Moments.of(part) for text, part in zip(prompts, each, strict=True)}
    return Real(looking, window, size, said, parts)


def real_files(looking: Looking, folder: Path, window: int, size: tuple[int, int]) -> Real:
    """One clip of every video in a folder, cut to its middle square.

    Raises:
        ValueError: no videos of so many frames, or videos to compare with that are not square.
    """
    if size[0] != size[1]:
        raise ValueError(
            f"real: clips are cut to squares, but the videos have {size[0]}x{size[1]} pixels; "
            "leave out --real"
        )
    found = clip_set(folder, frames=window, every=1, size=size[0], seed=0)
    clips = (frames for _, frames in found.take(len(found), lambda n: None))
    said = f"{len(found)} clips of {folder}"
    return Real(looking, window, size, said, {EVERY: Moments.of(features(looking, clips))})


def _drawn(
    prompts: Sequence[str], window: int, fps: float, size: tuple[int, int]
) -> Iterator[np.ndarray]:
    how: dict[str, Any] = {"frames": window, "height": size[0], "width": size[1], "fps": fps}
    for n, prompt in enumerate(prompts):
        for k in range(OF_A_PROMPT):
            yield clip(parse(prompt), seed=(n, k, 11), **how)
