"""manifest.json of a folder that work goes on in: what is being made, and which files are whole.

A file counts when the manifest names it with its size and checksum; whatever else lies in the
folder is the remains of something that broke off. The manifest is written beside and renamed, and
it and what it names are on the disk before it says so: a process may be killed at any moment.
"""

import contextlib
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vinf_jax.checkpoint import index

NAME = "manifest.json"


class Manifest:
    """A folder's manifest; one process writes it at a time.

    facts: anything that JSON holds, by name; to be changed through `seal` only. files: size and
    CRC-32 of every whole file, by path in the folder. written: whether `seal` writes it; one that
    is not only follows what another process writes.
    """

    def __init__(
        self,
        folder: Path,
        facts: dict[str, Any],
        files: dict[str, list[int]],
        written: bool = True,
    ) -> None:
        """Use `begin` or `read`."""
        self.folder, self.facts, self.files = folder, facts, files
        self._place = _place(folder) if written else None

    @classmethod
    def begin(cls, folder: str | Path, **facts: Any) -> "Manifest":
        """A new one in `folder`, which is made.

        Raises:
            OSError: there is one already, or it cannot be written.
        """
        folder = Path(folder).absolute()
        if (folder / NAME).exists():
            raise FileExistsError(f"{folder} holds a manifest already")
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder, {}, {})
        made.seal(**facts)
        return made

    @classmethod
    def read(cls, folder: str | Path) -> "Manifest":
        """The manifest of a folder.

        Raises:
            ValueError: there is none, or it is damaged.
        """
        folder = Path(folder).absolute()
        try:
            text = (folder / NAME).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ValueError(f"{folder} has no {NAME}; it holds no work to go on with") from None
        except UnicodeDecodeError as error:
            raise ValueError(f"{folder / NAME} is damaged: it is no text") from error
        try:
            said = json.loads(text)
            facts, files, checksum = said["facts"], said["files"], said["checksum"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{folder / NAME} is damaged: it cannot be understood") from error
        if checksum != _checksum(facts, files):
            raise ValueError(f"{folder / NAME} is damaged, or was changed by hand")
        return cls(folder, facts, files)

    def seal(
        self,
        *names: str,
        noted: Mapping[str, list[int]] | None = None,
        drop: Iterable[str] = (),
        **facts: Any,
    ) -> None:
        """Notes finished files (paths in the folder) and facts, all of them or, if it is killed,
        none. Files of `drop` are forgotten, then removed. noted: files that are `settled` already.

        Raises:
            OSError: a file or the folder is gone, or the disk is full.
        """
        self._stay()
        drop = set(drop)
        files = {name: size for name, size in self.files.items() if name not in drop}
        files |= {name: settled(self.folder / name) for name in names} | dict(noted or {})
        facts = json.loads(json.dumps(self.facts | facts))
        if not self._place:
            self.facts, self.files = facts, files
            return
        text = {"facts": facts, "files": files, "checksum": _checksum(facts, files)}
        replace(self.folder / NAME, json.dumps(text, indent=1) + "\n")
        self.facts, self.files = facts, files
        for name in drop - set(files):
            (self.folder / name).unlink(missing_ok=True)

    def damaged(self) -> dict[str, str]:
        """The files that are no longer as they were noted, and what is wrong with each."""
        found = {}
        for name, noted in self.files.items():
            path = self.folder / name
            if not path.is_file():
                found[name] = "is missing"
            elif index.measured(path, checksums=True) != noted:
                found[name] = "is damaged"
        return found

    def _stay(self) -> None:
        """A folder that was removed must not be made again piece by piece."""
        with contextlib.suppress(OSError):
            if not self._place or _place(self.folder) == self._place:
                return
        raise FileNotFoundError(f"{self.folder} is gone: it was removed or renamed")


def replace(path: Path, text: str) -> None:
    """Writes a text file that takes the place of `path` when it is on the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def settled(path: Path) -> list[int]:
    """Size and checksum of a file, once it is on the disk under its name."""
    _sync(path)
    _sync(path.parent)
    return index.measured(path, checksums=True)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _checksum(facts: Mapping[str, Any], files: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps([facts, files], sort_keys=True).encode())


def _place(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino
