"""Files that appear whole or not at all, and never in the place of another unasked."""

import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path


def check_target(path: str | Path, overwrite: bool = False) -> Path:
    """`path` as a Path, after making sure that a file can be written there; leaves nothing behind.

    Meant for before the long work. A missing folder is not made yet: the nearest one above it
    must be writable.

    Raises:
        FileExistsError: the file exists and `overwrite` is false.
        OSError: the path is a folder, or no file can be made in its folder.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; --force (overwrite=True in Python) replaces it")
    folder = next(above for above in path.absolute().parents if above.exists())
    if not folder.is_dir():
        raise NotADirectoryError(f"{path} cannot be written: {folder} is a file, not a folder")
    try:
        with tempfile.TemporaryFile(dir=folder):
            return path
    except OSError as error:
        raise OSError(f"{path} cannot be written: folder {folder}: {error.strerror}") from error


@contextlib.contextmanager
def replacing(path: str | Path, overwrite: bool = False) -> Generator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well.

    Makes the folder if need be. When the block fails, the temporary file is removed and whatever
    stood at `path` stays.

    Raises:
        OSError: as `check_target`, checked again at the end.
    """
    path = check_target(path, overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"folder {path.parent} cannot be made: {error.strerror}") from error
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        check_target(path, overwrite)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
