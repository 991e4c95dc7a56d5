"""What cutting a video over devices costs, and what it costs the public Video-Infinity code.

The reduced UNet, dual-scope attention. First the same frames on 2, 4 and 8 simulated devices and on
one, 24 frames per device, call by call in turns. Then, with a checkout of
github.com/Yuanshi9815/Video-Infinity, its plugins on as many gloo processes beside our devices:
"ours" with our scope, "same" with the scope that repeats the public code, whose answers are
compared; "local" is its network without plugins, each process on its own frames. A machine's
processors are shared by all its devices and processes.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from . import record
from .network_work import TASKS, Work, tiny
from .paired import in_turns, serve
from .watched import run

SIDES = ("split", "unsplit", "ours", "same", "public", "local")
SPLIT = (("split", "unsplit"),)
AGAINST = (("ours", "public"), ("same", "public"), ("public", "local"))
PLUGINS = "src/video_infinity/plugins.py"
PUBLIC_FRAMES, PUBLIC_VIDEOS = 8, 2
"""Of each process and of a call, where the public code takes part."""


def main(argv: Sequence[str]) -> int:
    """Measures and writes the record, or is one of the processes that are measured."""
    options = record.parsed(_parser(), argv)
    if options.side:
        _serve(options)
        return 0
    _refuse(options)
    kept = record.begin("clips", argv, options, frames_per_device=options.frames)
    idle = run("-c", "import time; time.sleep(1)")["anonymous_bytes"]
    for devices in options.devices:
        kept.add(f"{devices} devices", _measured(options, devices, SIDES[:2], idle))
    if not options.public:
        print("--public DIR, a checkout of Video-Infinity, compares with it", file=sys.stderr)
    elif not record.lacking(("torch", "diffusers")):
        for ranks in options.ranks:
            kept.add(f"public code, {ranks} ranks", _measured(options, ranks, SIDES[2:], idle))
    return 0


def _refuse(options: argparse.Namespace) -> None:
    troubles = [f"devices: {n}; give 2 or more" for n in options.devices if n < 2]
    troubles += [f"ranks: {n}; give 2 or more" for n in options.ranks if n < 2]
    if options.frames < 1:
        troubles.append(f"frames: {options.frames}; give 1 or more")
    if options.public and not (options.public / PLUGINS).is_file():
        troubles.append(f"public: {options.public} has no {PLUGINS}; give a checkout of the code")
    if troubles:
        raise ValueError("; ".join(troubles))


def _measured(
    options: argparse.Namespace, count: int, sides: Sequence[str], idle: int
) -> dict[str, Any]:
    words = ("-m", "benchmarks", "clips", *(["--rehearse"] if options.rehearse else []))
    words += ("--devices", count, "--frames", options.frames)
    if options.public:
        words += ("--public", options.public)
    pairs = SPLIT if "split" in sides else AGAINST
    with tempfile.TemporaryDirectory() as folder:
        files = {side: Path(folder) / f"{side}.npy" for side in sides}
        asked = {side: (*words, "--side", side, "--out", files[side]) for side in sides}
        found = in_turns(asked, options.calls, idle, pairs)
        answers = {side: np.load(files[side]).astype(np.float64) for side in found["runs"]}
    return {
        "sizes": _work(options, count, sides[0]).sizes(),
        "output_std": float(answers[sides[0]].std()),
        "largest_difference": _difference(answers),
        **found,
    }


def _difference(answers: Mapping[str, np.ndarray]) -> float | None:
    """Of the two sides that compute the same; None where one of them is not there."""
    for pair in (("split", "unsplit"), ("same", "public")):
        if set(pair) <= set(answers):
            return float(np.abs(answers[pair[0]] - answers[pair[1]]).max())
    return None


def _work(options: argparse.Namespace, count: int, side: str) -> Work:
    """All frames of a call. The public code wants as many on each process as its attention pads
    with."""
    work = tiny(TASKS["reduced"]) if options.rehearse else TASKS["reduced"]
    if side in SIDES[:2]:
        return replace(work, frames=count * (2 if options.rehearse else options.frames))
    return replace(work, frames=count * PUBLIC_FRAMES, videos=PUBLIC_VIDEOS)


def _serve(options: argparse.Namespace) -> None:
    """One side of one comparison, told over standard input and output."""
    (count,), side = options.devices, options.side
    work = _work(options, count, side)
    jax.config.update("jax_num_cpu_devices", 1 if side == "unsplit" else count)

    def prepare():
        if side in ("public", "local"):
            from . import clips_theirs

            return clips_theirs.prepared(work, count, options.public, plugged=side == "public")
        from . import clips_ours

        ranks = count if side == "same" else None
        return clips_ours.prepared(work, 1 if side == "unsplit" else count, ranks)

    say = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        serve(prepare, options.out, say)


def _parser() -> record.Parser:
    to = record.parser("clips", __doc__, calls=3)
    to.add_argument("--devices", nargs="*", type=int, default=[2, 4, 8], metavar="N")
    to.add_argument("--frames", type=int, default=24, metavar="N", help="of a device (default: 24)")
    to.add_argument("--public", type=Path, metavar="DIR", help="a checkout of the public code")
    to.add_argument("--ranks", nargs="*", type=int, default=[2, 4], metavar="N", help="of that")
    to.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    return to
