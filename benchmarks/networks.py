"""Networks here and in PyTorch with the same weights and inputs, call by call in turns.

The UNet at reduced width (16 frames of 16x16 latents) and at VideoCrafter2's (4 frames of 40x64),
the decoder of a frame of 320x512 and the text encoder of a prompt, against diffusers and
transformers, eager and by torch.compile. Outputs are compared in the same run. Each side has a
process of its own; peaks of memory are those of the calls, less what a bare interpreter has.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import record
from .network_work import DECODED, GUIDED, TASKS, Work, tiny
from .paired import in_turns, serve
from .watched import run

PUBLIC = ("torch", "diffusers", "transformers")
SIDES = ("ours", "eager", "compiled")
PAIRS = (("ours", "eager"), ("ours", "compiled"))
ONLY_EAGER = ("full",)
"""Tasks that two sides fill the memory with."""
LONG = {"full": 3, "decode": 3}
"""Calls that count, at most, where each takes many seconds."""
EVERY = {**TASKS, "guided": GUIDED, "decoded": DECODED}
"""With those that are for GPUs."""


def main(argv: Sequence[str]) -> int:
    """Measures and writes the record, or is one of the processes that are measured."""
    options = record.parsed(_parser(), argv)
    if options.side:
        _serve(options)
        return 0
    kept = record.begin("networks", argv, options)
    sides = SIDES[:1] if record.lacking(PUBLIC) else ("ours", *options.against)
    idle = run("-c", "import time; time.sleep(1)")["anonymous_bytes"]
    for name in options.tasks:
        chosen = [s for s in sides if s != "compiled" or name not in ONLY_EAGER]
        calls = min(options.calls, LONG.get(name, options.calls))
        kept.add(name, measured(name, chosen, calls, idle, options.rehearse))
    return 0


def measured(
    name: str, sides: Sequence[str], calls: int, idle: int, rehearse: bool
) -> dict[str, Any]:
    """One task's result: seconds and ratios, memory, and how far the answers are apart."""
    words = ("-m", "benchmarks", "networks", "--tasks", name, *(["--rehearse"] if rehearse else []))
    with tempfile.TemporaryDirectory() as folder:
        files = {side: Path(folder) / f"{side}.npy" for side in sides}
        asked = {side: (*words, "--side", side, "--out", files[side]) for side in sides}
        found = in_turns(asked, calls, idle, PAIRS)
        answers = {side: np.load(files[side]).astype(np.float64) for side in found["runs"]}
    work, others = _work(name, rehearse), [side for side in answers if side != "ours"]
    ours = answers["ours"]
    return {
        "sizes": work.sizes(),
        "flops": _flops(work),
        "output_std": float(ours.std()),
        "largest_difference": {s: float(np.abs(ours - answers[s]).max()) for s in others},
        **found,
    }


def _flops(work: Work) -> float:
    """Of a call, as our program has them."""
    from vinf_jax.parallel import traced

    from .network_ours import traced as program

    return traced.work(program(work).jaxpr).flops


def _serve(options: argparse.Namespace) -> None:
    """One side of one task, told over standard input and output."""
    work = _work(options.tasks[0], options.rehearse)

    def prepare():
        if options.side == "ours":
            from . import network_ours

            return network_ours.prepared(work)
        from . import network_theirs

        return network_theirs.prepared(work, options.side == "compiled")

    say = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        serve(prepare, options.out, say)


def _work(name: str, rehearse: bool) -> Work:
    return tiny(EVERY[name]) if rehearse else EVERY[name]


def _parser() -> record.Parser:
    to = record.parser("networks", __doc__, calls=7)
    to.add_argument(
        "--tasks", nargs="+", choices=EVERY, default=[*TASKS], help="default: all for CPUs"
    )
    to.add_argument(
        "--against", nargs="*", choices=SIDES[1:], default=SIDES[1:], help="default: both"
    )
    to.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    return to
