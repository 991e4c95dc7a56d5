"""Files of numpy's savez, which Chainer writes its weights as; nothing in them is executed."""

import zipfile
from pathlib import Path

import numpy as np

MOST = 2**32
"""Bytes that the arrays of a file may have together."""


def is_npz(path: Path) -> bool:
    """Whether a file's content is that, whatever its name."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith(".npy") for name in archive.namelist())


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays by name.

    Raises:
        ValueError: a damaged file, one that unpacks to more than any such network has, or one with
            Python objects in it, which are not read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MOST:
            raise ValueError(f"it unpacks to {size} bytes")
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
