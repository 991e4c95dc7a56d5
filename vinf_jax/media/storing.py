"""Decodes a whole data set into one file that `open_clips("array", ...)` reads."""

import dataclasses
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vinf_jax.media.clips import Clips
from vinf_jax.media.footage import BadClip, spoken
from vinf_jax.media.stored_clips import FrameFile, index_of, write_index
from vinf_jax.media.target import check_target, replacing
from vinf_jax.media.workers import ordered

_PIECE = 64  # frames that are decoded at once


def store(
    path: str | Path,
    clips: Clips,
    *,
    longest: int | None = None,
    workers: int = 0,
    overwrite: bool = False,
    done: Callable[[int], None] = lambda videos: None,
) -> dict[str, str]:
    """Writes all frames of a data set to `path` (.npy) and its index beside it (.json).

    Args:
      clips: the data set, opened with the fewest frames that clips will have later: shorter videos
        are not in it.
      longest: frames of a video at most, its first ones, where the disk is small.
      workers: processes that decode.
      done: told the number of finished videos.

    Returns:
      The videos that are left out, and why: those of the data set and those that broke here.

    Raises:
      ValueError: too little room on the disk, a bad video where the data set refuses them, or no
        good one; no file is left.
      OSError: see `target.check_target`.
    """
    path = Path(path)
    if path.suffix != ".npy":
        raise ValueError(f"{path} should end in .npy")
    if longest is not None and longest < clips.shortest:
        raise ValueError(f"longest is {longest}; clips need {clips.shortest} frames")
    check_target(index_of(path), overwrite)
    lengths = [min(length, longest or length) for length in clips.lengths]
    _check_room(path, sum(lengths) * clips.size**2 * 3)
    troubles, kept = dict(clips.troubles), []
    with replacing(path, overwrite) as frames, replacing(index_of(path), overwrite) as index:
        with frames.open("wb") as opened:
            file = FrameFile(opened, clips.size)
            for name, parts in _videos(clips, lengths, workers):
                count, trouble = _written(file, parts)
                if trouble is None:
                    kept.append((name, count))
                elif clips.refuse:
                    raise ValueError(f"a clip cannot be read: {spoken({name: trouble})}")
                else:
                    troubles[name] = trouble
                done(len(kept))
            if not kept:
                raise ValueError(f"no clip can be read: {spoken(troubles)}")
            file.finish()
        made = {"of": clips.digest, "kind": clips.kind, "split": clips.split, "size": clips.size}
        write_index(index, frames, kept, troubles, **made)
    return troubles


class _Piece(NamedTuple):
    index: int
    start: int
    count: int


@dataclasses.dataclass(frozen=True, eq=False)
class _Decoding:
    """Reads a piece of a video, or says why it cannot be read."""

    clips: Clips

    def __call__(self, piece: _Piece, at: Callable[[int], None]) -> np.ndarray | str:
        at(piece.index)
        try:
            return self.clips.read(*piece)
        except BadClip as error:
            return str(error)

    def named(self, number: int) -> str:
        return self.clips.names[number]


def _check_room(path: Path, needed: int) -> None:
    folder = next(above for above in path.absolute().parents if above.exists())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ValueError(
            f"{path} will take {needed / 1e9:,.1f} GB, but {free / 1e9:,.1f} GB are free in "
            f"{folder}; take a smaller size or fewer frames of every video (longest)"
        )


def _videos(
    clips: Clips, lengths: list[int], workers: int
) -> Iterator[tuple[str, Iterator[np.ndarray | str]]]:
    """(name, decoded pieces) of every video."""
    pieces = [
        _Piece(index, start, min(_PIECE, length - start))
        for index, length in enumerate(lengths)
        for start in range(0, length, _PIECE)
    ]
    decoded = ordered(_Decoding(clips), pieces, workers=workers, ahead=2 * workers)
    both = zip(pieces, decoded, strict=True)
    for index, group in itertools.groupby(both, key=lambda pair: pair[0].index):
        yield clips.names[index], (part for _, part in group)


def _written(file: FrameFile, parts: Iterator[np.ndarray | str]) -> tuple[int, str | None]:
    """Writes a video; the number of its frames, and the reason if it turned out to be bad."""
    count, trouble = 0, None
    for part in parts:
        if isinstance(part, str):
            trouble = trouble or part
        elif trouble is None:
            file.write(part)
            count += len(part)
    if trouble is not None:
        file.forget(count)
    return count, trouble
