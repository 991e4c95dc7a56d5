"""Sets of clips that metrics compare: one clip of every video in a folder, in natural order."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np

from vinf_jax.media import video_footage
from vinf_jax.media.clips import Clips, open_clips
from vinf_jax.media.footage import BadClip, spoken
from vinf_jax.media.layouts import is_ucf101

LISTS = "ucfTrainTestlist"
SHOWN = 20
Told = Callable[[int], object]
"""Told how many clips have come."""


class Videos(Protocol):
    """Where clips come from: files, or a model."""

    @property
    def folder(self) -> Path: ...
    @property
    def size(self) -> int: ...
    @property
    def frames(self) -> int: ...
    @property
    def every(self) -> int: ...
    @property
    def passed(self) -> Mapping[str, str]: ...
    def __len__(self) -> int: ...
    def take(self, count: int, told: Told) -> Iterator[tuple[str, np.ndarray]]: ...
    def record(self) -> dict[str, Any]: ...


class Named(Videos, Protocol):
    """Clips that have names."""

    @property
    def names(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class ClipSet:
    """The videos of a folder, each for one clip of every `every`-th frame.

    seed: decides where clips start; the first frame if there is none. passed: videos that cannot
    be read after all, by name; it fills as clips are read.
    """

    folder: Path
    kind: str
    split: str
    clips: Clips
    every: int
    seed: int | None = None
    passed: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def names(self) -> tuple[str, ...]:
        return self.clips.names

    @property
    def size(self) -> int:
        """Rows and columns."""
        return self.clips.size

    @property
    def frames(self) -> int:
        """Of a clip, as it is measured."""
        return (self.clips.frames - 1) // self.every + 1

    def take(self, count: int, told: Told) -> Iterator[tuple[str, np.ndarray]]:
        """The first `count` (name, uint8 F H W 3) that can be read; `told` hears how many came.

        Raises:
            ValueError: fewer can be read.
        """
        taken = 0
        for index, name in enumerate(self.clips.names):
            if taken == count:
                return
            try:
                frames = self.clips.clip(index, self._start(index))
            except BadClip as error:
                self.passed[name] = str(error)
                continue
            yield name, frames[:: self.every]
            taken += 1
            told(taken)
        if taken < count:
            raise ValueError(
                f"{self.folder}: only {taken} clips can be read, {count} are wanted; these cannot: "
                f"{spoken(self.passed)}. --clips {taken} takes fewer"
            )

    def record(self) -> dict[str, Any]:
        """What JSON should hold of it."""
        starts = "first frame" if self.seed is None else f"random, seed {self.seed}"
        bad = dict(self.clips.troubles) | self.passed
        return {
            "folder": str(self.folder),
            "kind": self.kind,
            "split": self.split,
            "starts": starts,
            "videos": len(self.clips),
            "passed_over": len(bad),
            "reasons": dict(list(bad.items())[:SHOWN]),
        }

    def _start(self, index: int) -> int:
        if self.seed is None:
            return 0
        rng = np.random.default_rng((self.seed, index))
        return int(rng.integers(self.clips.starts(index)))


def clip_set(
    folder: Path,
    *,
    frames: int,
    every: int,
    size: int,
    split: str = "all",
    seed: int | None = None,
) -> ClipSet:
    """Opens a folder of videos, of folders of pictures, UCF-101, or an array of clips.

    Raises:
        ValueError: nothing there, or no video of so many frames.
    """
    kind = kind_of(folder)
    length = (frames - 1) * every + 1
    clips = open_clips(kind, folder, frames=length, size=size, split=split)
    return ClipSet(folder, kind, split, clips, every, seed)


def kind_of(folder: Path) -> str:
    """What a folder holds, by its content: array, ucf101, videos or frames."""
    if folder.suffix == ".npy":
        return "array"
    if (folder / LISTS).is_dir() or is_ucf101(folder):
        return "ucf101"
    films = (path for path in folder.rglob("*") if path.suffix.lower() in video_footage.SUFFIXES)
    return "videos" if next(films, None) else "frames"


def paired(real: Named, made: Named) -> None:
    """Makes sure that both hold the same videos by name, whatever their files end with.

    Raises:
        ValueError: names that only one of them has.
    """
    one, other = (dict.fromkeys(map(stem, s.names)) for s in (real, made))
    lonely = [
        f"{folder} alone has {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}"
        for folder, names in (
            (real.folder, [name for name in one if name not in other]),
            (made.folder, [name for name in other if name not in one]),
        )
        if names
    ]
    if lonely or list(one) != list(other):
        raise ValueError(
            "originals and reconstructions are paired by name: "
            + ("; ".join(lonely) or "their order differs")
        )


def stem(name: str) -> str:
    """A video's name without its suffix."""
    path = PurePosixPath(name)
    return str(path.with_suffix("") if path.suffix.lower() in video_footage.SUFFIXES else path)


def enough(sets: Mapping[str, Videos], count: int) -> list[str]:
    """A message for every set that holds fewer clips."""
    return [
        f"{name}: {found.folder} holds {len(found)} videos that are long enough, and --clips is "
        f"{count}; --clips {len(found)} takes those, but figures of other counts are not comparable"
        for name, found in sets.items()
        if len(found) < count
    ]
