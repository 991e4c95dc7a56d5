"""Python processes that do the same work in turns, call by call. Linux only.

What else the machine does then falls on all alike, and each round of calls gives ratios.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

from .watched import anonymous

Call = Callable[[], np.ndarray]
Pairs = Sequence[tuple[str, str]]


class Companion:
    """A process of its own that does one call when asked to, as `serve` does. On the CPU, unless
    JAX_PLATFORMS says otherwise."""

    def __init__(self, *words: Any) -> None:
        self.peak = 0
        self._child = subprocess.Popen(
            [sys.executable, *map(str, words)],
            env={"JAX_PLATFORMS": "cpu"} | os.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._watch, daemon=True).start()

    def ask(self) -> dict[str, Any]:
        """What the process says of the call that it now does, the first time of its set-up."""
        with contextlib.suppress(BrokenPipeError):
            print(file=self._child.stdin, flush=True)
        line = self._child.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(f"{self._child.args} ended without an answer")
        return json.loads(line)

    def close(self) -> None:
        """Waits until it has written its answers."""
        with contextlib.suppress(BrokenPipeError), self._child.stdin:
            pass
        status = self._child.wait()
        self._child.stdout.close()
        if status:
            raise RuntimeError(f"{self._child.args} ended with {status}")

    def _watch(self) -> None:
        """Keeps the peak of anonymous memory, in bytes."""
        while self._child.returncode is None:
            try:
                self.peak = max(self.peak, anonymous(self._child.pid))
            except OSError:
                return
            time.sleep(0.02)


def in_turns(
    words: Mapping[str, tuple[Any, ...]],
    calls: int,
    less: int,
    pairs: Pairs = (("ours", "theirs"),),
) -> dict[str, Any]:
    """Seconds of `calls` calls of each side, which take turns in being first.

    words: of each side, the interpreter's arguments. less: bytes that are taken off the peaks.
    pairs: the sides that are compared; those with a side that is not there are left out. One call
    of each side, which compiles, is told apart. Peaks are those of the calls that count.

    A side that fails before its calls count is left out too and told in "failed".
    """
    sides, told, failed = {}, {}, {}
    for name, given in words.items():
        side = Companion(*given)
        try:
            told[name] = side.ask()
            told[name] |= {"first_call": side.ask()["seconds"], "calls": []}
            side.peak = 0
            sides[name] = side
        except RuntimeError as error:
            told.pop(name, None)
            failed[name] = str(error)
    names = list(sides)
    for n in range(calls):
        for name in names[n % len(names) :] + names[: n % len(names)]:
            told[name]["calls"].append(sides[name].ask()["seconds"])
    for name, side in sides.items():
        side.close()
        told[name]["peak_anonymous_bytes"] = side.peak - less
    found = compared({name: side["calls"] for name, side in told.items()}, pairs)
    return found | {"runs": told} | ({"failed": failed} if failed else {})


def compared(seconds: Mapping[str, Sequence[float]], pairs: Pairs) -> dict[str, Any]:
    """Medians of seconds by side, with the least and the most, and of every pair that is there the
    ratios of the calls that stood beside each other: {"ours/theirs": {"median", "range"}}."""
    ratios = {
        f"{a}/{b}": [x / y for x, y in zip(seconds[a], seconds[b], strict=True)]
        for a, b in pairs
        if a in seconds and b in seconds
    }
    return {
        "seconds": {name: spread(values) for name, values in seconds.items()},
        "ratios": {name: spread(values) for name, values in ratios.items()},
    }


def spread(values: Sequence[float]) -> dict[str, Any]:
    """The median, the least and the most, four digits of each."""
    few = [float(f"{x:.4g}") for x in (statistics.median(values), min(values), max(values))]
    return {"median": few[0], "range": few[1:]}


def serve(prepare: Callable[[], Call], answers: str | os.PathLike, say: TextIO) -> None:
    """The other end of a `Companion`: a line on standard input is a call.

    answers: file that gets every call's answer if they are single numbers, else the last one.
    """
    sys.stdin.readline()
    began = time.monotonic()
    call, found = prepare(), []
    _say(say, prepare=round(time.monotonic() - began, 2))
    for _ in sys.stdin:
        began = time.perf_counter()
        found.append(call())
        _say(say, seconds=round(time.perf_counter() - began, 6))
        if found[-1].ndim:
            del found[:-1]
    np.save(answers, np.stack(found) if not found[-1].ndim else found[-1])


def _say(to: TextIO, **facts: float) -> None:
    print(json.dumps(facts), file=to, flush=True)
