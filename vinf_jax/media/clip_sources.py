"""The kinds of data sets: what each finds in a folder, and how its frames are read."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vinf_jax.media import layouts, picture_footage, sprites, stored_clips, video_footage
from vinf_jax.media.footage import Footage
from vinf_jax.media.scan import scan
from vinf_jax.media.square import squared

SPLITS = layouts.SPLITS
SPRITES = {"train": 65_536, "test": 2_048}
"""How many clips of the endless world a data set is made of; tests see the held-out facts."""

Read = Callable[[int, int, int], np.ndarray]
"""(number of a video, first frame, how many) -> uint8 F size size 3; raises BadClip."""


class Asked(NamedTuple):
    """What a data set is opened with; see `clips.open_clips`."""

    folder: Path
    split: str
    size: int
    frames: int
    scanned: Path | None
    workers: int
    reshaped: bool


class Found(NamedTuple):
    """Names and lengths (frames) of videos, what is wrong with others, and how to read them."""

    names: list[str]
    lengths: list[int]
    troubles: Mapping[str, str]
    read: Read


def _files(layout: Callable[[Path, str], layouts.Listing], footage: Any, asked: Asked) -> Found:
    """Videos that lie in files (or folders of pictures), listed by `layout`."""
    if not asked.folder.is_dir():
        raise ValueError(f"{asked.folder} is a file, not a folder")
    names, troubles = layout(asked.folder, asked.split)
    known, bad = scan(
        footage.probe, asked.folder, names, cache=asked.scanned, workers=asked.workers
    )
    read = _Files(footage.read, asked.folder, tuple(known.items()), asked.size)
    return Found(list(known), [each.frames for each in known.values()], troubles | bad, read)


@dataclasses.dataclass(frozen=True)
class _Files:
    read: Callable[[Path, Footage, int, int], np.ndarray]
    folder: Path
    known: tuple[tuple[str, Footage], ...]
    size: int

    def __call__(self, number: int, start: int, count: int) -> np.ndarray:
        name, footage = self.known[number]
        return squared(self.read(self.folder / name, footage, start, count), self.size)


def _sprites(asked: Asked) -> Found:
    sides = [side for side in SPRITES if asked.split in (side, "all")]
    clips = tuple((side, n) for side in sides for n in range(SPRITES[side]))
    names = [f"{side} sprite {n}" for side, n in clips]
    read = _Sprites(clips, asked.size, asked.reshaped)
    return Found(names, [asked.frames] * len(clips), {}, read)


@dataclasses.dataclass(frozen=True)
class _Sprites:
    clips: tuple[tuple[str, int], ...]
    size: int
    reshaped: bool

    def __call__(self, number: int, start: int, count: int) -> np.ndarray:
        how = {"frames": start + count, "height": self.size, "width": self.size}
        return sprites.sample(**self._which(number), **how)[2][start:]

    def facts(self, number: int) -> sprites.Facts:
        """What is drawn."""
        return sprites.facts_of(**self._which(number))

    def _which(self, number: int) -> dict[str, Any]:
        side, index = self.clips[number]
        split = "held_out" if side == "test" else side
        return {"seed": 0, "index": index, "split": split, "reshaped": self.reshaped}


def _stored(asked: Asked) -> Found:
    index = stored_clips.opened(asked.folder, asked.split, asked.size)
    names, lengths = [list(column) for column in zip(*index.clips, strict=True)] or ([], [])
    return Found(names, lengths, index.troubles, index)


KINDS: dict[str, Callable[[Asked], Found]] = {
    "ucf101": functools.partial(_files, layouts.ucf101, video_footage),
    "sky": functools.partial(_files, layouts.sky, picture_footage),
    "videos": functools.partial(_files, layouts.videos, video_footage),
    "frames": functools.partial(_files, layouts.frames, picture_footage),
    "sprites": _sprites,
    "array": _stored,
}
