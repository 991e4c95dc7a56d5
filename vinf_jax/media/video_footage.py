"""Any frames out of a video file, exactly, without decoding all that lies before them."""

import collections
import contextlib
import itertools
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.media.footage import BadClip, Footage, evenly
from vinf_jax.media.video import container

SUFFIXES = (".avi", ".flv", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv")
SUFFIXES += (".ts", ".webm", ".wmv")
_REORDERED = 16  # a frame is stored at most this many places from where it is shown (H.264, HEVC)


def probe(path: Path) -> Footage:
    """Counts the frames by their packets and decodes the first.

    Raises:
        BadClip: nothing in it can be decoded.
    """
    with _opened(path) as (file, stream):
        stamps = [p.pts for p in file.demux(stream) if p.size and not p.is_discard]
    with _opened(path) as (file, stream):
        first = next(iter(file.decode(stream)), None)
    if first is None:
        raise BadClip("holds no frames")
    known = None not in stamps and len(set(stamps)) == len(stamps)
    return Footage(len(stamps), first.height, first.width, evenly(sorted(stamps)) if known else ())


def read(path: Path, footage: Footage, start: int, count: int) -> np.ndarray:
    """Frames start .. start + count - 1, uint8 F H W 3; the last ones if the file ends before.

    Raises:
        BadClip: the frames cannot be decoded, are too few or change in size.
    """
    frames = _sought(path, footage.stamps, start, count) or _counted(path, start, count)
    if len(frames) < count:
        raise BadClip(f"ends after {len(frames)} frames, where {footage.frames} were promised")
    for number, frame in enumerate(frames, start):
        if (frame.height, frame.width) != (footage.height, footage.width):
            raise BadClip(
                f"changes in size: frame {number} is {frame.width}x{frame.height}, "
                f"the first {footage.width}x{footage.height}"
            )
    with _said():
        return np.stack([frame.to_ndarray(format="rgb24") for frame in frames])


def rate_and_turns(path: Path) -> tuple[float, int]:
    """(frames per second, quarter turns to the left that bring pictures upright) of a video.

    Raises:
        BadClip: it cannot be decoded, or does not say its rate.
    """
    with _opened(path) as (file, stream):
        rate, first = stream.average_rate, next(iter(file.decode(stream)), None)
    if not rate or first is None:
        raise BadClip("holds no frames, or does not say how many there are in a second")
    return float(rate), round(first.rotation / 90) % 4


def _sought(path: Path, stamps: Sequence[int], start: int, count: int) -> list[Any] | None:
    """The frames after a jump to a key frame before them, None unless all have their times."""
    if start <= _REORDERED or len(stamps) < start + count:
        return None
    wanted = stamps[start : start + count]
    with _opened(path) as (file, stream):
        file.seek(stamps[start - _REORDERED], stream=stream)
        frames = itertools.dropwhile(
            lambda frame: frame.pts is not None and frame.pts < wanted[0], file.decode(stream)
        )
        window = list(itertools.islice(frames, count))
    return window if [frame.pts for frame in window] == list(wanted) else None


def _counted(path: Path, start: int, count: int) -> list[Any]:
    """The frames by counting from the first; the last `count` of a file that ends before."""
    with _opened(path) as (file, stream):
        frames = itertools.islice(file.decode(stream), start + count)
        return list(collections.deque(frames, maxlen=count))


@contextlib.contextmanager
def _opened(path: Path) -> Generator[tuple[Any, Any]]:
    with _said(), container(path) as file:
        if not file.streams.video:
            raise BadClip("holds no video")
        yield file, file.streams.video[0]


@contextlib.contextmanager
def _said() -> Generator[None]:
    import av

    try:
        yield
    except (av.error.FFmpegError, OSError, EOFError, UnicodeDecodeError) as error:
        raise BadClip(f"cannot be decoded: {getattr(error, 'strerror', None) or error}") from error
