"""Everything that compares on this machine, one program after the other, and the table.

What needs PyTorch, a model or a checkout of public code is left out where that is not given, and
said; our own figures are always there. Takes most of an hour on two quiet cores.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from . import record

EVERY, SETTLING = 5, 180
"""Seconds between two looks at the load, and the most that is waited."""
OWN = ("networks", "layers", "clips", "frames", "start")


def main(argv: Sequence[str]) -> int:
    """Runs them; the status is 1 if one of them failed, and the others are still run."""
    options = _parser().parse_args(list(argv))
    troubles = [
        f"{name}: there is no folder {folder}"
        for name, folder in (
            ("weights", options.weights),
            ("video-infinity", options.video_infinity),
            ("pvdm", options.pvdm),
        )
        if folder and not folder.is_dir()
    ]
    if troubles:
        raise ValueError("; ".join(troubles))
    more = ["--rehearse"] if options.rehearse else []
    failed = []
    for number, words in enumerate(_programs(options)):
        if number and not options.rehearse:
            settle()
        if _run(*words, *more):
            failed.append(words[0])
    if not options.rehearse:
        failed += [name for name in ("table",) if _run(name)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _programs(options) -> list[list[str]]:
    """Words of every program that can run with what is given."""
    model = ["--weights", str(options.weights)] if options.weights else []
    given = {
        "clips": ["--public", str(options.video_infinity)] if options.video_infinity else [],
        "start": model,
    }
    programs = [[name, *given.get(name, [])] for name in OWN]
    if model:
        programs += [["video", *model], ["cheaper", *model]]
    if options.pvdm and not options.rehearse:
        programs.append(["pvdm_networks", "--public", str(options.pvdm)])
    return programs


def settle(seconds: int = SETTLING) -> None:
    """Waits until the program before no longer counts in the load average, or as long as this."""
    for _ in range(0, seconds, EVERY):
        if os.getloadavg()[0] < record.QUIET:
            return
        time.sleep(EVERY)


def _run(*words: str) -> int:
    print(f"== {' '.join(words)}", flush=True)
    return subprocess.run([sys.executable, "-m", "benchmarks", *words]).returncode


def _parser() -> record.Parser:
    to = record.programs.parser("python -m infer benchmark all", __doc__)
    to.add_argument("--weights", type=Path, metavar="DIR", help="of a text-to-video model")
    to.add_argument(
        "--video-infinity",
        type=Path,
        metavar="DIR",
        help="a checkout of Yuanshi9815/Video-Infinity",
    )
    to.add_argument("--pvdm", type=Path, metavar="DIR", help="a checkout of sihyun-yu/PVDM")
    to.add_argument("--rehearse", action="store_true", help="tiny sizes; nothing is written")
    return to
