"""Two Python processes that do the same work in turns, call by call. Linux only.

What else the machine does then falls on both alike, and each pair of calls gives a ratio.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import numpy as np

from .watched import anonymous

Call = Callable[[], np.ndarray]


class Companion:
    """A process of its own that does one call when asked to, as `serve` does."""

    def __init__(self, *words: Any) -> None:
        self.peak = 0
        self._child = subprocess.Popen(
            [sys.executable, *map(str, words)],
            env=os.environ | {"JAX_PLATFORMS": "cpu"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._watch, daemon=True).start()

    def ask(self) -> dict[str, Any]:
        """What the process says of the call that it now does, the first time of its set-up."""
        print(file=self._child.stdin, flush=True)
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._child.args} ended with {self._child.wait()}")
        return json.loads(line)

    def close(self) -> None:
        """Waits until it has written its answers."""
        self._child.stdin.close()
        if status := self._child.wait():
            raise RuntimeError(f"{self._child.args} ended with {status}")

    def _watch(self) -> None:
        """Keeps the peak of anonymous memory, in bytes."""
        while self._child.returncode is None:
            try:
                self.peak = max(self.peak, anonymous(self._child.pid))
            except OSError:
                return
            time.sleep(0.02)


def in_turns(words: Mapping[str, tuple[Any, ...]], calls: int, less: int) -> dict[str, Any]:
    """Seconds of `calls` calls of each side, which take turns in being first.

    words: of each of the two sides, the interpreter's arguments. less: bytes that are taken off
    the peaks. One call of each side warms up and is told apart.
    """
    sides = {name: Companion(*given) for name, given in words.items()}
    told = {name: side.ask() for name, side in sides.items()}
    for name, side in sides.items():
        told[name] |= {"first_call": side.ask()["seconds"], "calls": []}
    for n in range(calls):
        for name, side in list(sides.items())[:: 1 if n % 2 else -1]:
            told[name]["calls"].append(side.ask()["seconds"])
    for name, side in sides.items():
        side.close()
        told[name]["peak_anonymous_bytes"] = side.peak - less
    seconds = {name: found["calls"] for name, found in told.items()}
    ours, theirs = seconds.values()
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "median_seconds": {name: round(statistics.median(s), 3) for name, s in seconds.items()},
        "ours_over_theirs": round(statistics.median(ratios), 3),
        "smallest_and_largest_ratio": [round(f(ratios), 3) for f in (min, max)],
        "runs": told,
    }


def serve(prepare: Callable[[], Call], answers: str | os.PathLike, say: TextIO) -> None:
    """The other end of a `Companion`: a line on standard input is a call.

    answers: file that gets every call's answer if they are single numbers, else the last one.
    """
    sys.stdin.readline()
    began = time.monotonic()
    call, found = prepare(), []
    _say(say, prepare=round(time.monotonic() - began, 2))
    for _ in sys.stdin:
        began = time.monotonic()
        found.append(call())
        _say(say, seconds=round(time.monotonic() - began, 4))
        if found[-1].ndim:
            del found[:-1]
    np.save(answers, np.stack(found) if not found[-1].ndim else found[-1])


def _say(to: TextIO, **facts: float) -> None:
    print(json.dumps(facts), file=to, flush=True)
