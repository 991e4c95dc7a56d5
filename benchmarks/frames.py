"""Time and memory of one denoiser call against the length of the video, on one device.

The reduced UNet with dual-scope attention, from 24 frames to 2,304 (the paper's longest video).
Every length has a process of its own; memory is the peak of its anonymous memory, weights
included, less what a bare interpreter has.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from . import record
from .network_work import TASKS, tiny
from .paired import compared
from .watched import run

LENGTHS = (24, 96, 288, 768, 2304)


def main(argv: Sequence[str]) -> int:
    """Measures and writes the record, or is one of the processes that are measured."""
    options = record.parsed(_parser(), argv)
    if options.of:
        _measure(options)
        return 0
    if wrong := [n for n in options.lengths if n < 1]:
        raise ValueError(f"lengths: {wrong}; give numbers of 1 or more")
    kept = record.begin("frames", argv, options)
    idle = run("-c", "import time; time.sleep(1)")["anonymous_bytes"]
    words = ["-m", "benchmarks", "frames", "--calls", options.calls]
    words += ["--rehearse"] if options.rehearse else []
    with tempfile.TemporaryDirectory() as folder:
        for frames in options.lengths:
            told = Path(folder) / f"{frames}.json"
            watched = run(*words, "--of", frames, "--out", told, less=idle)
            if watched["status"]:
                raise RuntimeError(f"{frames} frames: the process ended with {watched['status']}")
            found = json.loads(told.read_text())
            per = found["seconds"]["ours"]["median"] / frames
            memory = {"peak_anonymous_bytes": watched["anonymous_bytes"]}
            kept.add(f"{frames} frames", found | {"seconds_per_frame": round(per, 6)} | memory)
    return 0


def _measure(options: argparse.Namespace) -> None:
    """One length, in this process."""
    from . import clips_ours

    work = replace(
        tiny(TASKS["reduced"]) if options.rehearse else TASKS["reduced"], frames=options.of
    )
    call = clips_ours.prepared(work, 1, None)
    call()
    calls = []
    for _ in range(options.calls):
        began = time.perf_counter()
        call()
        calls.append(round(time.perf_counter() - began, 6))
    found = {"sizes": work.sizes(), **compared({"ours": calls}, ()), "runs": calls}
    options.out.write_text(json.dumps(found))


def _parser() -> record.Parser:
    to = record.parser("frames", __doc__, calls=3)
    to.add_argument("--lengths", nargs="+", type=int, default=[*LENGTHS], metavar="N")
    to.add_argument("--of", type=int, default=0, help=argparse.SUPPRESS)
    return to
