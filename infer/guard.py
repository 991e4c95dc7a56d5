"""One process of several, under guard: another process, without JAX, starts it, watches the others
and says who was lost and why, even when JAX hangs or ends the process that works."""

import argparse
import contextlib
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vinf_jax.checkpoint.roll import EVERY, Roll

LOST = 1
"""Exit status where another process was lost."""
GRACE = 5.0
"""Seconds in which words reach all processes, and one that said its last ends by itself."""


def guarded(options: argparse.Namespace, work: Callable[[], int]) -> int:
    """Runs `work` in a process of its own that has joined the others; returns its exit status.

    options: of `job_flags.add_many`; `processes` and `process` are known when `work` is called.
    """
    up, said = os.pipe()
    heard, down = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.close(said)
        os.close(heard)
        return _Guard(child, up, down, meeting(options), options.wait).watch()
    os.close(up)
    os.close(down)
    return _work(_Line(said, heard), options, work)


def meeting(options: argparse.Namespace) -> Path:
    """The folder of the roll, beside the video."""
    named = options.job or options.out or options.source
    return named.absolute().with_suffix(".hosts")


def _work(line: "_Line", options: argparse.Namespace, work: Callable[[], int]) -> int:
    try:
        _join(line, options)
        if status := work():
            line.say(why=_reason(status), status=status)
        return status
    except RuntimeError as error:  # of JAX, when a process that it talks with is gone
        if "RESOURCE_EXHAUSTED" not in str(error):
            line.say(trouble=True)
            line.hold()
        line.say(why=f"stopped: {error}", status=1)
        raise
    except KeyboardInterrupt:
        line.say(why=_reason(130), status=130)
        raise
    except Exception as error:
        line.say(why=f"stopped: {error}", status=2)
        raise


def _join(line: "_Line", options: argparse.Namespace) -> None:
    from vinf_jax.parallel import hosts

    if options.cluster:
        place = hosts.detected()
    else:
        place = hosts.Place(options.coordinator, options.processes, options.process)
    options.processes, options.process = place.count, place.index
    line.say(index=place.index, count=place.count)
    if place.index:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, for as long as the process lives
    hosts.join(place, options.wait)
    line.say(joined=True)


class _Line:
    """From the process that works to its guard. When the guard is gone, so is the process."""

    def __init__(self, out: int, into: int) -> None:
        self._out, self._released = out, threading.Event()
        threading.Thread(target=self._listen, args=(into,), daemon=True).start()

    def say(self, **news: Any) -> None:
        text = {name: x[:1000] if isinstance(x, str) else x for name, x in news.items()}
        os.write(self._out, json.dumps(text).encode() + b"\n")

    def hold(self) -> None:
        """Waits until the guard knows no other reason for the trouble than this process, or ends
        it."""
        self._released.wait()

    def _listen(self, into: int) -> None:
        while os.read(into, 1):
            self._released.set()
        os._exit(LOST)


class _Guard:
    """Watches over one process."""

    def __init__(self, child: int, up: int, down: int, folder: Path, wait: float) -> None:
        self._child, self._up, self._down = child, up, down
        self._folder, self._wait = folder, wait
        self._roll: Roll | None = None
        self._why, self._status = "", 0
        self._since: float | None = None
        self._rest = b""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: self._send(signal.SIGTERM))

    def watch(self) -> int:
        """The exit status of the process, once it has ended or been ended."""
        while True:
            self._hear()
            ended, status = os.waitpid(self._child, os.WNOHANG)
            if ended:
                return self._over(os.waitstatus_to_exitcode(status))
            late = self._since is not None and time.monotonic() > self._since
            if late and self._why:
                self._kill()
                return self._over(self._status)
            if self._roll and (verdict := self._roll.look()):
                self._kill()
                return self._lost(verdict)
            if late:
                with contextlib.suppress(OSError):  # it ends just now
                    os.write(self._down, b".")
                self._since = None

    def _hear(self) -> None:
        """What the process says, for a moment."""
        ready, _, _ = select.select([self._up], [], [], EVERY)
        data = os.read(self._up, 2**16) if ready else b""
        if ready and not data:
            time.sleep(EVERY / 10)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, news: dict[str, Any]) -> None:
        if "count" in news:
            place = news["index"], news["count"]
            self._roll = Roll(self._folder, *place, self._wait, pid=self._child)
        if "joined" in news and self._roll:
            self._roll.joined = True
        if "trouble" in news:
            self._since = time.monotonic() + self._wait + GRACE
        if "why" in news:
            self._why, self._status = news["why"], news["status"]
            self._since = time.monotonic() + GRACE

    def _over(self, status: int) -> int:
        """The process has ended: is it done, was it another's fault, or its own?"""
        if not self._roll:
            return status if status >= 0 else 128 - status
        if status == 0:
            self._roll.leave()
            self._dismiss(self._wait)
            return 0
        if status == -signal.SIGABRT and (verdict := self._cause()):
            return self._lost(verdict)
        why = self._why or _reason(status)
        name = f"process {self._roll.index} on {self._roll.host}"
        if status < 0:
            print(f"error: {name} {why}", file=sys.stderr)
        self._roll.leave(why)
        self._tell(f"{name} {why}")
        return status if status > 0 else 128 - status

    def _cause(self) -> str | None:
        """JAX ends a process when it has lost the first one: who was it?"""
        assert self._roll
        until = time.monotonic() + self._wait + GRACE
        while time.monotonic() < until:
            if verdict := self._roll.look():
                return verdict
            time.sleep(EVERY)
        return None

    def _lost(self, verdict: str) -> int:
        assert self._roll
        print(
            f"error: {verdict}. Everything made so far is kept; go on with the same command and "
            "--resume, with as many processes as there are",
            file=sys.stderr,
        )
        self._roll.leave(f"stopped: {verdict}")
        self._tell(verdict)
        return LOST

    def _tell(self, verdict: str) -> None:
        assert self._roll
        if self._roll.index == 0:
            self._roll.tell(verdict)
            self._dismiss(GRACE)

    def _dismiss(self, patience: float) -> None:
        assert self._roll
        if self._roll.index == 0:
            self._roll.dismiss(patience)

    def _kill(self) -> None:
        """A job may be killed at any moment."""
        self._send(signal.SIGKILL)
        os.waitpid(self._child, 0)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, number)


def _reason(status: int) -> str:
    if status == -signal.SIGKILL:
        return "was killed (SIGKILL: by a person, or by the system when its memory ran out)"
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    if status == 130:
        return "was stopped with Ctrl-C"
    return f"ended with status {status}"
