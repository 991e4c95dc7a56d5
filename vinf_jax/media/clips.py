"""Data sets of clips: pieces of videos, as uint8 squares, one piece of one video at a time."""

import dataclasses
import difflib
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.media.captions import Facts
from vinf_jax.media.clip_sources import KINDS, SPLITS, Asked
from vinf_jax.media.footage import spoken


@dataclasses.dataclass(frozen=True, eq=False)
class Clips:
    """A data set: videos that clips of `frames` frames are cut out of.

    Attributes:
      kind, split: what it was opened as.
      names, lengths: of the videos; lengths in frames.
      frames, size: of a clip.
      shortest: videos from this length on are used; those shorter than `frames` give `shortest`
        frames with black ones before them (SkyTimelapse for PVDM: 16 of 32).
      troubles: videos that cannot be used, and why.
      refuse: whether a video that turns out to be bad is an error, or is passed over.
      read: reads any frames; of sprites it also knows the facts.
    """

    kind: str
    split: str
    names: tuple[str, ...]
    lengths: tuple[int, ...]
    frames: int
    size: int
    shortest: int
    troubles: Mapping[str, str]
    refuse: bool
    read: "_Chosen"

    def __len__(self) -> int:
        return len(self.names)

    def starts(self, index: int) -> int:
        """How many places a clip of this video can start at."""
        return self.lengths[index] - self._shown(index) + 1

    def clip(self, index: int, start: int) -> np.ndarray:
        """`frames` consecutive frames of a video from `start` on, uint8 F size size 3.

        Raises:
          BadClip: the video cannot be read after all.
          IndexError: no clip starts there.
        """
        if not 0 <= start < self.starts(index):
            raise IndexError(f"start {start}: {self.names[index]} has {self.starts(index)} starts")
        shown = self.read(index, start, self._shown(index))
        black = np.zeros((self.frames - len(shown), self.size, self.size, 3), np.uint8)
        return np.concatenate([black, shown]) if len(black) else shown

    def facts(self, index: int) -> Facts:
        """What a sprite's video shows."""
        return self.read.facts(index)

    @functools.cached_property
    def digest(self) -> str:
        """Equal digests mean equal clips by name, length and number of frames."""
        what = [self.names, self.lengths, self.frames, self.shortest]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()

    def _shown(self, index: int) -> int:
        return self.frames if self.lengths[index] >= self.frames else self.shortest


def open_clips(
    kind: str,
    folder: str | Path | None,
    *,
    frames: int,
    size: int,
    split: str = "train",
    shortest: int | None = None,
    on_bad: str = "skip",
    scanned: str | Path | None = None,
    workers: int = 0,
    reshaped: bool = False,
) -> Clips:
    """Opens a data set.

    Args:
      kind: ucf101, sky, videos (any folder of video files), frames (any folder of folders of
        pictures), array (a file that `storing.store` made), or sprites (drawn).
      folder: where it lies; for sprites None.
      frames, size: of a clip; size is the side of its squares in pixels.
      split: train, test or all. What is for tests is never in train; see `layouts`.
      shortest: see `Clips`; `frames` unless given.
      on_bad: what to do about videos that are too short, unreadable or change in size: 'skip' them
        (they are in `troubles`) or 'refuse' the data set.
      scanned: a file that remembers lengths and sizes between runs, best beside a run's results.
      workers: processes that look through the files.
      reshaped: for sprites: the same clips, each in another shape.

    Raises:
      ValueError: with everything that is wrong; a data set without a clip is always wrong.
    """
    shortest = frames if shortest is None else shortest
    _check(kind, folder, frames, size, split, shortest, on_bad)
    cache = Path(scanned) if scanned else None
    found = KINDS[kind](Asked(Path(folder or ""), split, size, frames, cache, workers, reshaped))
    troubles = dict(found.troubles)
    usable = []
    for number, (name, length) in enumerate(zip(found.names, found.lengths, strict=True)):
        if length >= shortest:
            usable.append(number)
        else:
            troubles[name] = f"has {length} frames; {shortest} or more are needed"
    where = f"{kind} data set {folder or ''}".rstrip() + f", split {split}"
    if not usable:
        raise ValueError(f"{where}: there is no clip. {spoken(troubles)}".rstrip(". "))
    if troubles and on_bad == "refuse":
        raise ValueError(
            f"{where}: {len(troubles)} clips cannot be used (on_bad='skip' passes them over): "
            f"{spoken(troubles)}"
        )
    return Clips(
        kind=kind,
        split=split,
        names=tuple(found.names[n] for n in usable),
        lengths=tuple(found.lengths[n] for n in usable),
        frames=frames,
        size=size,
        shortest=shortest,
        troubles=troubles,
        refuse=on_bad == "refuse",
        read=_Chosen(found.read, tuple(usable)),
    )


@dataclasses.dataclass(frozen=True)
class _Chosen:
    """Reading by the numbers of the usable videos alone."""

    read: Any
    numbers: tuple[int, ...]

    def __call__(self, index: int, start: int, count: int) -> np.ndarray:
        return self.read(self.numbers[index], start, count)

    def facts(self, index: int) -> Facts:
        return self.read.facts(self.numbers[index])


def _check(
    kind: str,
    folder: str | Path | None,
    frames: int,
    size: int,
    split: str,
    shortest: int,
    on_bad: str,
) -> None:
    troubles = [
        f"{name} is {value!r}; choose one of {', '.join(choices)}{_near(value, choices)}"
        for name, value, choices in (
            ("kind", kind, tuple(KINDS)),
            ("split", split, SPLITS),
            ("on_bad", on_bad, ("skip", "refuse")),
        )
        if value not in choices
    ]
    troubles += [
        f"{name} is {value}; it must be 1 or more"
        for name, value in (("frames", frames), ("size", size))
        if value < 1
    ]
    if not 1 <= shortest <= max(frames, 1):
        troubles.append(f"shortest is {shortest}; it must be between 1 and frames ({frames})")
    if kind != "sprites" and not (folder and Path(folder).exists()):
        what = "file" if kind == "array" else "folder"
        troubles.append(f"folder is {str(folder or '')!r}; there is no such {what}")
    if troubles:
        raise ValueError("the data set cannot be opened: " + "; ".join(troubles))


def _near(value: str, choices: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(value, choices, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
