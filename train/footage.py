"""Clips for training, in an order that depends on the seed and the step alone."""

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.media import stored_clips
from vinf_jax.media.captions import SHAPES
from vinf_jax.media.clips import Clips, open_clips
from vinf_jax.media.draws import Draws
from vinf_jax.media.footage import spoken
from vinf_jax.media.loader import batches, position


def opened(config, out: Path, split: str, frames: int, reshaped: bool = False) -> Clips:
    """The data set that `config.data` names, sprites `reshaped` on request; what was found out
    about it is kept beside the run.

    Where its folder says {split}, "train" or "test" is meant: arrays hold one of both.
    """
    data = config.data
    folder = data.folder.replace("{split}", split)
    kind = stored_clips.kind_of(Path(folder)) if data.kind == "array" else data.kind
    return open_clips(
        data.kind,
        folder or None,
        frames=frames,
        size=config.size,
        split=split,
        shortest=min(frames, config.frames) if kind == "sky" else frames,
        on_bad=data.on_bad,
        scanned=None if data.kind in ("sprites", "array") else out / f"scanned_{split}.json",
        workers=data.workers,
        reshaped=reshaped,
    )


def tell(clips: Clips) -> None:
    """Says which clips of a data set are left out, and why."""
    if clips.troubles:
        count, there = len(clips.troubles), len(clips)
        print(
            f"data: {count} clips of the {clips.split} part are left out, {there} stay "
            f"(--data.on_bad refuse stops instead): {spoken(clips.troubles)}",
            file=sys.stderr,
        )


class Feed:
    """step -> {"clips": uint8 (B, F, H, W, 3)}. Steps that follow each other are read ahead."""

    def __init__(self, clips: Clips, batch: int, seed: int, workers: int) -> None:
        self._clips, self._batch, self._seed, self._workers = clips, batch, seed, workers
        self._next = -1
        self._stream: Any = None

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        if step != self._next:
            self.close()
            self._stream = batches(
                self._clips,
                batch=self._batch,
                seed=self._seed,
                position=position(self._clips, self._seed, step * self._batch),
                workers=self._workers,
            )
        self._next = step + 1
        return {"clips": next(self._stream)[0]}

    def numbers(self, step: int) -> list[int]:
        """Of the videos of a step's clips, those that were bad and replaced aside."""
        draws = Draws(self._clips, self._seed)
        return [draws.index(n) for n in range(step * self._batch, (step + 1) * self._batch)]

    def told(self, step: int) -> str:
        """The names of a step's clips."""
        return ", ".join(self._clips.names[number] for number in self.numbers(step))

    def close(self) -> None:
        """Stops the workers."""
        if self._stream is not None:
            self._stream.close()
        self._stream, self._next = None, -1


class Pairs:
    """step -> {"clips": uint8 (B, F, H, W, 3), "shapes": (B,), numbers in SHAPES}: half as many
    sprites, each before the same in another shape.

    sides: those sprites, and the same reshaped. batch: B, even.
    """

    def __init__(self, sides: Sequence[Clips], batch: int, seed: int, workers: int) -> None:
        self._sides = sides
        self._feeds = [Feed(clips, batch // 2, seed, workers) for clips in sides]

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        numbers = self._feeds[0].numbers(step)
        shapes = [SHAPES.index(clips.facts(n).shape) for n in numbers for clips in self._sides]
        pairs = np.stack([feed(step)["clips"] for feed in self._feeds], axis=1)
        return {
            "clips": pairs.reshape(-1, *pairs.shape[2:]),
            "shapes": np.array(shapes, np.int32),
        }

    def told(self, step: int) -> str:
        """The names of a step's sprites."""
        return self._feeds[0].told(step)

    def close(self) -> None:
        """Stops the workers."""
        for feed in self._feeds:
            feed.close()


def held_out(config, out: Path, frames: int, count: int) -> np.ndarray:
    """The same few clips of the data set's test part, uint8 (count, frames, H, W, 3)."""
    clips = opened(config, out, "test", frames)
    tell(clips)
    with closing(Feed(clips, count, config.seed, 0)) as feed:
        return feed(0)["clips"]
