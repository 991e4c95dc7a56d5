"""PVDM's networks here and in the public code, with the same weights, call by call in turns.

    python -m infer benchmark pvdm_networks --public DIR

DIR is a checkout of github.com/sihyun-yu/PVDM. Needs torch, einops and tqdm beside this project,
and a machine that does nothing else. float32 on the CPU; weights follow a formula. Each task has
two processes, which do one call each in turns; what they put out is compared: arrays of the last
call, losses of all steps of training. Reading weights and the first call, which compiles, are told
apart. Memory is anonymous memory, less what a bare interpreter has.
"""

import argparse
import contextlib
import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax import programs

from .paired import in_turns, serve
from .pvdm_work import STEPS, TASKS, Work, work
from .record import HERE, lacking
from .watched import machine, run

COMMAND = "python -m infer benchmark pvdm_networks --public DIR"
SIDES = ("ours", "theirs")
PUBLIC = ("models/autoencoder/*.py", "models/ddpm/*.py", "losses/ddpm.py")
"""Files that are run, whose digest the record holds."""
LIBRARIES = ("jax", "flax", "optax", "numpy", "torch")


def main(argv: Sequence[str]) -> int:
    """Measures and writes the record, or is one of the processes that are measured."""
    options = _options(argv)
    if options.side:
        _serve(options)
        return 0
    if not all(list(options.public.glob(pattern)) for pattern in PUBLIC):
        raise ValueError(f"public: {options.public} is no checkout of the public code")
    if lacking(("torch",)):
        return 0
    idle = run("-c", "import time; time.sleep(1)")["anonymous_bytes"]
    record = {
        "command": f"{COMMAND} {_settings(options)}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "public_code": _digest(options.public),
        "sampled_clip": f"{STEPS} steps; at w = 0 the public code calls its UNet twice a step",
        "machine": machine(),
        "versions": {name: version(name) for name in LIBRARIES},
        "results": {},
    }
    for name in options.tasks:
        record["results"][name] = _measured(name, options, idle)
        options.out.write_text(json.dumps(record, indent=1) + "\n")
        print(json.dumps({k: x for k, x in record["results"][name].items() if k != "runs"}))
    return 0


def _measured(name: str, options: argparse.Namespace, idle: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        files = {side: Path(folder) / f"{side}.npy" for side in SIDES}
        words = ("-m", "benchmarks", "pvdm_networks", *_settings(options).split())
        words += ("--public", options.public, "--tasks", name)
        asked = {side: (*words, "--side", side, "--out", files[side]) for side in SIDES}
        found = in_turns(asked, options.calls, idle)
        ours, theirs = (np.load(path).astype(np.float64) for path in files.values())
    task = _work(name, options)
    return {
        "what": TASKS[name],
        "sizes": {"batch": task.batch} | _sizes(task),
        "output_std": float(theirs.std()),
        "largest_difference": float(np.abs(ours - theirs).max()),
        **(
            {"losses": {"ours": ours.tolist(), "theirs": theirs.tolist()}} if ours.ndim == 1 else {}
        ),
        **found,
    }


def _sizes(task: Work) -> dict[str, Any]:
    parts = [part for part in task.arguments if part in PARTS[task.name]]
    counted = {part: sum(x.size for x in task.like(part)[1].values()) for part in parts}
    return {part: {**task.arguments[part], "parameters": counted[part]} for part in parts}


PARTS = {
    **dict.fromkeys(("encode", "decode", "autoencoder_step"), ("autoencoder",)),
    **dict.fromkeys(("noise", "unet_step"), ("unet",)),
    "clip": ("autoencoder", "unet"),
}


def _serve(options: argparse.Namespace) -> None:
    """One side of one task, told over standard input and output."""
    task = _work(options.tasks[0], options)

    def prepare():
        if options.side == "ours":
            from . import pvdm_ours

            return pvdm_ours.prepared(task)
        from . import pvdm_theirs

        return pvdm_theirs.prepared(task, options.public)

    say = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        serve(prepare, options.out, say)


def _work(name: str, options: argparse.Namespace) -> Work:
    return work(name, options.width, options.channels, options.batch)


def _settings(options: argparse.Namespace) -> str:
    names = ("width", "channels", "batch", "calls")
    return " ".join(f"--{name} {getattr(options, name)}" for name in names)


def _digest(public: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(file for pattern in PUBLIC for file in public.glob(pattern)):
        total.update(file.read_bytes())
    return f"sha256 of {', '.join(PUBLIC)}: {total.hexdigest()[:16]}"


def _options(argv: Sequence[str]) -> argparse.Namespace:
    to = programs.parser("python -m infer benchmark pvdm_networks", __doc__)
    to.add_argument("--public", type=Path, required=True, metavar="DIR", help="the checkout")
    to.add_argument("--out", type=Path, default=HERE / "pvdm_networks.json", help="the record")
    to.add_argument("--width", type=int, default=384, help="of the autoencoder (default: 384)")
    to.add_argument("--channels", type=int, default=128, help="the UNet's first (default: 128)")
    to.add_argument("--batch", type=int, default=2, help="clips of a call (default: 2)")
    to.add_argument("--calls", type=int, default=3, help="pairs that count (default: %(default)s)")
    to.add_argument("--tasks", nargs="+", choices=TASKS, default=[*TASKS], help="default: all")
    to.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    return to.parse_args(list(argv))
