"""Whole data sets decoded into one file, for training where no codec is and nothing may be slow.

DATA.npy holds the frames of all videos one after another, uint8 T size size 3, and is read as a
mapped file; DATA.json beside it names the videos and their lengths and says what it was made of.
"""

import dataclasses
import functools
import hashlib
import io
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_FORMAT = "vinf_jax clips 1"


@dataclasses.dataclass(frozen=True)
class StoredClips:
    """Videos in a file; calling it with (number, first frame, how many) reads frames."""

    path: Path
    clips: tuple[tuple[str, int], ...]
    troubles: Mapping[str, str]

    def __call__(self, number: int, start: int, count: int) -> np.ndarray:
        first = self._firsts[number] + start
        return np.array(_mapped(self.path)[first : first + count])

    @functools.cached_property
    def _firsts(self) -> list[int]:
        return [0, *itertools.accumulate(length for _, length in self.clips)]


def index_of(path: Path) -> Path:
    """Where the names lie for the frames in `path`."""
    return path.with_suffix(".json")


def kind_of(path: Path) -> str:
    """The kind of the data set that a file was made of.

    Raises:
        ValueError: it has no index.
    """
    return str(_index(path).get("kind", "array"))


def opened(path: Path, split: str, size: int) -> StoredClips:
    """Opens a file that `storing.store` wrote.

    Raises:
        ValueError: it is none, does not belong to its index, or holds another split or size.
    """
    said = _index(path)
    frames = _mapped(path)
    clips = tuple((name, length) for name, length in said["clips"])
    expected = (sum(length for _, length in clips), said["size"], said["size"], 3)
    if frames.shape != expected or _seal(frames) != said["seal"]:
        raise ValueError(f"{path} and {index_of(path)} do not belong together; make both again")
    wrong = [
        f"{name} {said[name]}, not {wanted}"
        for name, wanted in (("split", split), ("size", size))
        if said[name] != wanted
    ]
    if wrong:
        raise ValueError(f"{path} holds {' and '.join(wrong)}")
    return StoredClips(path, clips, said["troubles"])


class FrameFile:
    """Writes frames one after another to an open file; `finish` makes it an .npy file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._count = file, size, 0
        self._header = len(_header((0, size, size, 3)))
        file.write(bytes(self._header))

    def write(self, pictures: np.ndarray) -> None:
        """Appends uint8 F size size 3."""
        self._file.write(np.ascontiguousarray(pictures).data)
        self._count += len(pictures)

    def forget(self, count: int) -> None:
        """Forgets the last `count` frames."""
        self._count -= count
        self._file.seek(self._header + self._count * self._size**2 * 3)
        self._file.truncate()

    def finish(self) -> None:
        header = _header((self._count, self._size, self._size, 3))
        if len(header) != self._header:
            raise ValueError(f"{self._count} frames are too many for one file")
        self._file.seek(0)
        self._file.write(header)


def write_index(
    path: Path, frames: Path, clips: list[tuple[str, int]], troubles: Mapping[str, str], **made: Any
) -> None:
    """Writes the index for the file `frames`; `made` says what of: split, size, ..."""
    said = {"format": _FORMAT, **made, "seal": _seal(_mapped(frames))}
    path.write_text(json.dumps(said | {"troubles": dict(troubles), "clips": clips}))


def _index(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(index_of(path).read_text())
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} needs its index {index_of(path).name} beside it, which cannot be read: {error}"
        ) from error
    if not isinstance(said, dict) or said.get("format") != _FORMAT:
        raise ValueError(f"{index_of(path)} is no index of clips of this version of vinf_jax")
    return said


def _mapped(path: Path) -> np.ndarray:
    try:
        frames = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as an array of frames: {error}") from error
    if frames.dtype != np.uint8 or frames.ndim != 4:
        raise ValueError(
            f"{path} is {frames.dtype} {frames.shape}; it should be uint8 (T, H, W, 3)"
        )
    return frames


def _seal(frames: np.ndarray) -> str:
    """A checksum of the first and the last frame, to notice an index of another file."""
    ends = [frames[end : end + 1].tobytes() for end in (0, len(frames) - 1) if len(frames)]
    return hashlib.sha256(b"".join(ends)).hexdigest()


def _header(shape: tuple[int, ...]) -> bytes:
    out = io.BytesIO()
    said = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, said)
    return out.getvalue()
