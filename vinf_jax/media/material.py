"""Pictures and videos that people bring, as frames of one size and rate. Pillow does the sizing."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vinf_jax.media import picture_footage, video_footage
from vinf_jax.media.footage import BadClip, Footage

AT_ONCE = 32
"""Frames of a source that are held at once."""
_ROUNDING = 1e-6
"""Of a frame: a rate's own rounding must not lose the last one."""


@dataclass(frozen=True)
class Material:
    """Frames 0 .. frames - 1 of a picture, a folder of pictures or a video.

    A video is read at the rate of what it becomes part of: frame n is the one that is nearest to
    the time n / fps. Frames keep their proportions: what lies beyond the wanted ones at the longer
    sides is cut off, evenly.
    """

    path: Path
    frames: int
    height: int
    width: int
    _footage: Footage
    _pace: float = 1.0
    _turns: int = 0

    def read(self, start: int, count: int) -> np.ndarray:
        """Frames start .. start + count - 1, uint8 (count, height, width, 3).

        Raises:
            ValueError: they cannot be decoded, or there are fewer; with the path.
        """
        if not 0 <= start <= start + count <= self.frames:
            raise ValueError(
                f"{self.path} has {self.frames} frames at this rate; not {start} to "
                f"{start + count - 1}"
            )
        numbers = [self._number(n) for n in range(start, start + count)]
        try:
            parts = [self._some(part) for part in _near(numbers)]
        except BadClip as trouble:
            raise ValueError(f"{self.path} {trouble}") from trouble
        return np.concatenate(parts)

    def _number(self, n: int) -> int:
        """The source's frame that is nearest in time to frame n; of two the later."""
        return min(int(n * self._pace + 0.5), self._footage.frames - 1)

    def _some(self, numbers: list[int]) -> np.ndarray:
        first, count = numbers[0], numbers[-1] - numbers[0] + 1
        if self.path.is_dir():
            pictures = picture_footage.read(self.path, self._footage, first, count)
        elif _is_picture(self.path):
            pictures = _picture(self.path)
        else:
            pictures = video_footage.read(self.path, self._footage, first, count)
        chosen = pictures[[n - first for n in numbers]]
        return fitted(np.rot90(chosen, self._turns, (1, 2)), self.height, self.width)


def material(path: str | Path, fps: float, height: int, width: int) -> Material:
    """What lies at `path`, at this rate (frames per second) and size.

    Raises:
        ValueError: nothing there, nothing that can be shown, or no such rate; with the path.
    """
    path, pace, turns = Path(path), 1.0, 0
    if not 0 < fps < math.inf:
        raise ValueError(f"{path} cannot be read at fps {fps}; give a finite number above 0")
    try:
        if path.is_dir():
            footage = picture_footage.probe(path)
        elif not path.is_file():
            raise ValueError(f"{path}: there is no such file")
        elif _is_picture(path):
            footage = Footage(1, *_picture(path).shape[1:3])
        else:
            footage = video_footage.probe(path)
            rate, turns = video_footage.rate_and_turns(path)
            pace = rate / fps
    except BadClip as trouble:
        raise ValueError(f"{path} {trouble}") from trouble
    frames = 1 + int((footage.frames - 1) / pace + _ROUNDING)
    return Material(path, frames, height, width, footage, pace, turns)


def fitted(pictures: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 F H W 3 -> uint8 F height width 3: the largest middle part of these proportions.

    By means of squares where sides shrink by one whole factor (as a video is that was written
    enlarged), else bicubic, with the antialiasing that Pillow's has.
    """
    from PIL import Image

    if pictures.shape[1:3] == (height, width):
        return np.ascontiguousarray(pictures)
    tall, wide = pictures.shape[1:3]
    share = min(tall / height, wide / width)
    rows, columns = min(tall, round(share * height)), min(wide, round(share * width))
    top, left = (tall - rows) // 2, (wide - columns) // 2
    part = pictures[:, top : top + rows, left : left + columns]
    whole = rows % height == 0 and columns == rows // height * width
    method = Image.Resampling.BOX if whole else Image.Resampling.BICUBIC
    resized = [
        Image.fromarray(np.ascontiguousarray(picture)).resize((width, height), method)
        for picture in part
    ]
    return np.stack([np.asarray(picture) for picture in resized])


def _near(numbers: list[int]) -> Iterator[list[int]]:
    """Ascending numbers in groups that lie within AT_ONCE frames of the source."""
    group: list[int] = []
    for number in numbers:
        if group and number - group[0] >= AT_ONCE:
            yield group
            group = []
        group.append(number)
    yield group


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in picture_footage.SUFFIXES


def _picture(path: Path) -> np.ndarray:
    """uint8 (1, H, W, 3)."""
    with picture_footage.opened(path) as picture:
        return picture_footage.pixels(picture)[None]
