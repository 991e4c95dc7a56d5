"""A folder that one process works in at a time."""

import contextlib
import os
from pathlib import Path
from typing import Self

NAME = "lock"


class Claim:
    """A lock on a folder that ends with the process, however that ends.

    Where the file system has no locks (some shared ones), there is none.
    """

    def __init__(self, folder: Path) -> None:
        """Raises OSError: another process holds it, or the folder cannot be written."""
        self._file = (folder / NAME).open("a+")
        try:
            self._lock(folder)
        except BaseException:
            self._file.close()
            raise

    def _lock(self, folder: Path) -> None:
        with contextlib.suppress(ImportError):  # a system without such locks
            import fcntl

            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._file.seek(0)
                who = self._file.read().strip() or "unknown"
                raise BlockingIOError(
                    f"{folder} is being worked on by process {who}; wait for it, or stop it"
                ) from None
            except OSError:
                return
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def close(self) -> None:
        """Lets others in."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
