"""checkpoint.json: what a checkpoint's folder holds, so that damage shows before loading."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

NAME = "checkpoint.json"
ARRAYS = "state"
"""The folder of the arrays."""
ORBAX = {"_CHECKPOINT_METADATA", "commit_success.txt", "orbax.checkpoint"}
"""Files that Orbax leaves beside it."""
SHOWN = 5

Shapes = dict[str, tuple[tuple[int, ...], np.dtype]]


def write(folder: Path, arrays: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
    """Describes the files that lie in `folder`, the arrays in them and the caller's metadata."""
    index = {
        "arrays": {name: [list(x.shape), x.dtype.name] for name, x in arrays.items()},
        "files": {name: measured(file, checksums=True) for name, file in _files(folder).items()},
        "metadata": metadata,
    }
    (folder / NAME).write_text(json.dumps(index))


def read(folder: Path, *, checksums: bool) -> tuple[Shapes, dict[str, Any]]:
    """(name -> (shape, dtype), metadata), after comparing the files with their description.

    checksums: compare contents too, not sizes only.

    Raises:
        ValueError: the folder is no checkpoint, or an unfinished or damaged one.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no checkpoint: there is no such folder")
    try:
        index = json.loads((folder / NAME).read_text())
        stored = {name: (tuple(shape), jnp.dtype(kind)) for name, (shape, kind) in _arrays(index)}
        files = {name: list(size) for name, size in index["files"].items()}
        metadata = dict(index["metadata"])
    except FileNotFoundError:
        raise ValueError(f"{folder} is no checkpoint, or an unfinished one: no {NAME}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"checkpoint {folder} is damaged: {NAME} cannot be read") from error
    troubles = _troubles(folder, files, checksums)
    if troubles:
        raise ValueError(f"checkpoint {folder} is damaged or unfinished: {some(troubles)}")
    return stored, metadata


def whole(folder: Path) -> bool:
    """Whether `folder` holds a finished checkpoint with all its files at their full size."""
    try:
        read(folder, checksums=False)
    except ValueError:
        return False
    return True


def foreign(folder: Path) -> list[str]:
    """The files of a folder that are no part of a checkpoint: all of them where there is none, and
    a file itself. Of one with a torn description those count as its own that hold its arrays."""
    if not folder.is_dir():
        return [folder.name]
    names = [*_files(folder), *([NAME] if (folder / NAME).is_file() else [])]
    try:
        own = {NAME, *json.loads((folder / NAME).read_text())["files"]}
    except (ValueError, RecursionError):
        own = {NAME, *ORBAX, *(name for name in names if name.startswith(f"{ARRAYS}/"))}
    except (OSError, KeyError, TypeError):
        return names
    return [name for name in names if name not in own]


def some(names: list[str]) -> str:
    """The first few, and how many more there are."""
    more = [f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return ", ".join([*names[:SHOWN], *more])


def _arrays(index: Mapping[str, Any]) -> Any:
    return index["arrays"].items()


def _troubles(folder: Path, stored: Mapping[str, Any], checksums: bool) -> list[str]:
    found = _files(folder)
    changed = [
        name
        for name in stored
        if name in found
        and measured(found[name], checksums) != (stored[name] if checksums else stored[name][:1])
    ]
    missing = [name for name in stored if name not in found]
    return [f"{name} is missing" for name in missing] + [f"{name} is changed" for name in changed]


def _files(folder: Path) -> dict[str, Path]:
    """All files but checkpoint.json, by path relative to the folder."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    names = {file.relative_to(folder).as_posix(): file for file in files}
    return {name: file for name, file in names.items() if name != NAME}


def measured(file: Path, checksums: bool) -> list[int]:
    """[size], or [size, CRC-32]."""
    size = file.stat().st_size
    if not checksums:
        return [size]
    checksum = 0
    with file.open("rb") as stream:
        while block := stream.read(2**20):
            checksum = zlib.crc32(block, checksum)
    return [size, checksum]
