"""Runs that make videos: a display around them, and what Ctrl-C leaves."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .guard import guarded
from .job_flags import follows, is_many
from .progress import Display, Stopwatch

Task = Callable[[Display, list[Path]], None]
"""Makes videos; adds to the list a job's folder when it is begun, every file when it is whole."""


def run(program: str, argv: list[str], options: argparse.Namespace, task: Task) -> int:
    """Runs the task, as one process or as one of several; returns the exit status, 130 after
    Ctrl-C, with a word on how to go on."""
    if is_many(options):
        return guarded(options, lambda: _run(program, argv, task, quiet=follows(options)))
    return _run(program, argv, task)


def _run(program: str, argv: list[str], task: Task, quiet: bool = False) -> int:
    """quiet: another process shows how far all are."""
    finished: list[Path] = []
    stream = open(os.devnull, "w") if quiet else None  # noqa: SIM115, for as long as all goes on
    with Display("start", Stopwatch(), stream) as display:
        try:
            task(display, finished)
        except KeyboardInterrupt:
            there = [path for path in finished if path.exists()]
            kept = ", ".join(map(str, there)) or "nothing of this run"
            said = f"stopped in {display.title}, {display.status()}; kept: {kept}"
            if any(path.is_dir() for path in there):
                said += f"; to go on: {command(program, [*argv, '--resume'])}"
            print(said, file=sys.stderr)
            return 130
    return 0


def command(program: str, argv: list[str]) -> str:
    """The command line of a program, for a shell; --resume once."""
    words = [word for n, word in enumerate(argv) if word != "--resume" or word not in argv[:n]]
    return shlex.join(["python", "-m", "infer", program, *words])


def made(orders: Iterable[Any], display: Display, finished: list[Path]) -> None:
    """Makes the videos of all orders, and says a line or two about each."""
    from . import making

    for order in orders:
        display.title = str(order.files.video)
        finished.append(order.files.job)
        before = len(finished)
        for path in making.make(order, display):
            finished.append(path)
        for name, what in order.damaged.items():
            print(f"{order.files.job / name} was {what.removeprefix('is ')}, and is made again")
        if len(finished) == before:
            print(f"{order.files.video} is finished already; --force makes it anew")
            continue
        if order.replaces or not order.keep:
            finished.remove(order.files.job)
        print(_summary(order, display))
        display.watch = Stopwatch()


def _summary(order: Any, display: Display) -> str:
    files, request = order.files, order.making.request
    frames, fps = request.frames, request.fps
    height, width = (side * order.enlargement for side in (request.height, request.width))
    timings = display.watch.seconds()
    spent = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in timings.items())
    beside = f"{files.sheet.name} and {files.record.name}"
    if order.keep:
        folder = order.replaces or files.job
        beside = f"{files.sheet.name}, {files.record.name} and the job's folder {folder.name}"
    return (
        f"{files.video}: {frames} frames, {frames / fps:g} s at {fps:g} fps, {height} x {width}; "
        f"beside it {beside}\nseconds: {spent}"
    )
