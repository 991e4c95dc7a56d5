"""Time and memory of one denoiser call against the length of the video, on one device.

The reduced UNet with dual-scope attention, from 24 frames to 2,304 (the paper's longest video).
Every length has a process of its own; memory is the peak of its anonymous memory during the calls
that count, weights included, less what a bare interpreter has.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import record
from .network_work import TASKS, Work, tiny
from .paired import Call, in_turns, serve
from .watched import run

LENGTHS = (24, 96, 288, 768, 2304)


def main(argv: Sequence[str]) -> int:
    """Measures and writes the record, or is one of the processes that are measured."""
    options = record.parsed(_parser(), argv)
    if options.of:
        _serve(options)
        return 0
    if wrong := [n for n in options.lengths if n < 1]:
        raise ValueError(f"lengths: {wrong}; give numbers of 1 or more")
    kept = record.begin("frames", argv, options)
    idle = run("-c", "import time; time.sleep(1)")["anonymous_bytes"]
    for frames in options.lengths:
        kept.add(f"{frames} frames", _measured(frames, options, idle))
    return 0


def _measured(frames: int, options: argparse.Namespace, idle: int) -> dict[str, Any]:
    words = ("-m", "benchmarks", "frames", *(["--rehearse"] if options.rehearse else []))
    with tempfile.TemporaryDirectory() as folder:
        words += ("--of", frames, "--out", Path(folder) / "answer.npy")
        found = in_turns({"ours": words}, options.calls, idle, ())
    if failed := found.get("failed"):
        raise RuntimeError(f"{frames} frames: {failed['ours']}")
    return {
        "sizes": _work(frames, options).sizes(),
        "seconds_per_frame": round(found["seconds"]["ours"]["median"] / frames, 6),
        "peak_anonymous_bytes": found["runs"]["ours"]["peak_anonymous_bytes"],
        **found,
    }


def _serve(options: argparse.Namespace) -> None:
    """One length, told over standard input and output."""

    def prepare() -> Call:
        from . import clips_ours

        return clips_ours.prepared(_work(options.of, options), 1, None)

    say = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        serve(prepare, options.out, say)


def _work(frames: int, options: argparse.Namespace) -> Work:
    work = tiny(TASKS["reduced"]) if options.rehearse else TASKS["reduced"]
    return replace(work, frames=frames)


def _parser() -> record.Parser:
    to = record.parser("frames", __doc__, calls=1)
    to.add_argument("--lengths", nargs="+", type=int, default=[*LENGTHS], metavar="N")
    to.add_argument("--of", type=int, default=0, help=argparse.SUPPRESS)
    return to
