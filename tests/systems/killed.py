"""Kills jobs: `python -m tests.systems.killed FOLDER`; one line of JSON says what came of it.

A process is forked for every kill, before JAX has threads; an audit hook sees each file that is
opened for writing or renamed, and kills the process there, or a moment later from a thread.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from tests.systems.test_job import contents, made

KINDS = {"manifest.json": "manifest", "state": "state", "latents": "latents"}
KINDS |= {"segments": "segments", "preview.mp4": "preview", "a.mp4": "video"}
EVERY = 4
"""Of the writes of a job, one in so many is killed at, and the last five."""


def kind_of(path: str) -> str | None:
    """What a job writes there."""
    parts = Path(path).parts[-2:]
    names = [part.split(".part")[0].strip(".") for part in parts]
    return next((kind for name, kind in KINDS.items() if any(name in part for part in names)), None)


def watch(act) -> None:
    """act(kind) at every file of a job that is about to be written or renamed."""

    def hook(event: str, arguments: tuple) -> None:
        writes = event == "open" and isinstance(arguments[1], str) and arguments[1][:1] in "wax"
        if (writes or event == "os.rename") and (kind := kind_of(str(arguments[0]))):
            act(kind)

    sys.addaudithook(hook)


def forked(work) -> int:
    """The status that `work` in a process of its own ends with."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        work()
    finally:
        os._exit(0)


def killed(folder: Path, at: int, late: float, said: Path) -> None:
    left = [at]

    def act(kind: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            said.write_text(kind)
            if late:
                threading.Thread(target=lambda: (time.sleep(late), kill())).start()
            else:
                kill()

    watch(act)
    made(folder, resume=True)
    kill()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(place: Path) -> None:
    seen, said = place / "seen", place / "said"
    forked(lambda: counted(place / "whole" / "a.job", seen))
    wanted = contents(place / "whole" / "a.job")
    kinds, different = set(), []
    last = len(seen.read_text())
    points = [*range(1, last - 4, EVERY), *range(last - 4, last + 1)]
    for n, at in enumerate(points):
        folder, late = place / f"{at}" / "a.job", (n % 3) * 0.002
        status = forked(lambda at=at, folder=folder, late=late: killed(folder, at, late, said))
        assert os.WIFSIGNALED(status), at
        forked(lambda folder=folder: made(folder, resume=True))
        kinds.add(said.read_text())
        if contents(folder) != wanted:
            different.append(at)
    found = {"kills": len(points), "different": different, "while writing": sorted(kinds)}
    print(json.dumps(found))


def counted(folder: Path, seen: Path) -> None:
    number = os.open(seen, os.O_CREAT | os.O_WRONLY)
    watch(lambda kind: os.write(number, b"."))
    made(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
