"""Who is there: processes on many hosts that work in one folder which all of them share.

Each keeps a small file in a folder of its own for that and writes it anew every second; the first
one reads all files, the others read the first one's. So a process that never comes, falls silent,
leaves with trouble or sees another folder than the first one is found out and named. The files are
the check that the folder is shared: a process counts as there when its file answers one's own.

Files are renamed into place: on NFS that has this host look at the folder anew. No JAX here: this
must go on when JAX hangs or gives up.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

EVERY = 1.0
"""Seconds between two beats."""


class Roll:
    """One process's part in the roll.

    Args:
        folder: for the files of the roll; it lies in the shared folder, and is made.
        index: of this process, from 0.
        count: of processes.
        wait: seconds in which others must come, and after which a silent one counts as lost.
        pid: of the process that works, for those who look into the folder.
        now: the clock.

    Attributes:
        joined: whether JAX has connected this process with the others. host: this one's name.
    """

    def __init__(
        self,
        folder: Path,
        index: int,
        count: int,
        wait: float,
        *,
        pid: int | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.index, self.count, self.wait = folder, index, count, wait
        self.joined, self.host = False, socket.gethostname()
        self._now, self._start = now, now()
        self._said: dict[str, Any] = {
            "host": self.host,
            "pid": pid or os.getpid(),
            "sign": secrets.token_hex(4),
            "beat": 0,
            "seen": {},
            "left": None,
            "verdict": None,
        }
        self._heard: dict[int, tuple[dict[str, Any], float]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def look(self) -> str | None:
        """One beat: says that this process is there, and hears the others. What is wrong with one
        of them, for people; None while all is well."""
        others = range(1, self.count) if self.index == 0 else [0]
        found = {other: self._read(other) for other in others}
        signs = {str(other): said["sign"] for other, said in found.items() if said}
        self._say(beat=self._said["beat"] + 1, seen=signs)
        troubles = (self._trouble(other, said) for other, said in found.items())
        return next(filter(None, troubles), None)

    def leave(self, why: str = "") -> None:
        """The last word: why this process stops, as in "process 1 on HOST ..."; nothing if all is
        done."""
        self._say(beat=self._said["beat"] + 1, left=why)

    def tell(self, verdict: str) -> None:
        """The first process says to all others why they must stop."""
        self._say(beat=self._said["beat"] + 1, verdict=verdict)

    def dismiss(self, patience: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Waits at most so many seconds until all others have left, then removes the files."""
        until = self._now() + patience
        while self._now() < until and not all(map(self._gone, range(1, self.count))):
            sleep(EVERY / 4)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _trouble(self, other: int, said: dict[str, Any] | None) -> str | None:
        if said and said["seen"].get(str(self.index)) == self._said["sign"]:
            before, _ = self._heard.get(other, (None, 0.0))
            if not before or said["beat"] != before["beat"]:
                self._heard[other] = said, self._now()
        if other not in self._heard:
            late = self._now() - self._start > self.wait
            return self._missing(other) if late else None
        said, since = self._heard[other]
        name = f"process {other} on {said['host']}"
        if said["verdict"] or said["left"]:
            return said["verdict"] or f"{name} {said['left']}"
        if said["left"] is None and self._now() - since > self.wait:
            return (
                f"{name} has not been heard of for {self.wait:g} s: it was ended there, or its "
                "machine is down or cut off"
            )
        return None

    def _missing(self, other: int) -> str:
        shared = self.folder.parent
        if self.joined:
            return (
                f"process {other} and process {self.index} on {self._said['host']} do not share "
                f"the folder {shared}: what one writes there the other does not see; put --out on "
                "a folder that all hosts share"
            )
        return (
            f"process {other} of processes 0 to {self.count - 1} has not come within "
            f"{self.wait:g} s; see whether it was started, and whether its host shares the folder "
            f"{shared}"
        )

    def _gone(self, other: int) -> bool:
        said = self._read(other)
        return said is None or said["left"] is not None

    def _read(self, other: int) -> dict[str, Any] | None:
        with contextlib.suppress(OSError, ValueError):
            return json.loads((self.folder / f"{other}.json").read_text())
        return None

    def _say(self, **news: Any) -> None:
        self._said |= news
        file = self.folder / f"{self.index}.json"
        temporary = file.with_suffix(".part")
        with contextlib.suppress(OSError):  # a beat that fails is one that is missing
            temporary.write_text(json.dumps(self._said))
            os.replace(temporary, file)
