"""Files of numpy's savez, which Chainer writes its weights as; nothing in them is executed."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

MOST = 2**30
"""Bytes that the arrays of a file may have together."""
_ENDING = ".npy"
_DAMAGE = (ValueError, OSError, EOFError, MemoryError, NotImplementedError, RuntimeError)
_DAMAGE += (zipfile.BadZipFile, zlib.error)


def names_of(path: Path) -> list[str]:
    """The names of its arrays, of which none is read; none where a file's content, whatever its
    name, is something else."""
    try:
        if not zipfile.is_zipfile(path):
            return []
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except _DAMAGE:
        return []
    return [name.removesuffix(_ENDING) for name in members if name.endswith(_ENDING)]


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays by name.

    Raises:
        ValueError: a damaged file, one that unpacks to more than any such network has, or one with
            Python objects or anything else than arrays in it, which are not read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        size = sum(entry.file_size for entry in entries)
        if size > MOST:
            raise ValueError(f"it unpacks to {size} bytes")
        others = [entry.filename for entry in entries if not entry.filename.endswith(_ENDING)]
        if others:
            raise ValueError(f"{others[0]!r} in it is no array")
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except _DAMAGE as error:
        raise ValueError(f"{path} cannot be read: {error or type(error).__name__}") from error
