"""How long it takes until something happens: help, imports, loading, compiling, the second start.

Every stage has processes of its own, which begin anew each time. Compiling is of the UNet's call at
reduced width and at VideoCrafter2's, on shapes alone: tracing, then the compiler; "again" finds
the program in the compile cache that an earlier process filled (`--compile-cache` of the programs).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import record
from .network_work import TASKS, tiny
from .paired import spread
from .watched import run

HELP = {
    "help": ("-m", "infer", "--help"),
    "help of video_infinity": ("-m", "infer", "video_infinity", "--help"),
    "import": ("-c", "import vinf_jax.systems.video_infinity"),
}
THEIRS = {
    "import torch and diffusers": (
        "-c",
        "from diffusers import UNet3DConditionModel, AutoencoderKL, DPMSolverMultistepScheduler\n"
        "from transformers import CLIPTextModel, CLIPTokenizer",
    )
}
COMPILED = ("reduced", "full")
CACHE = "JAX_COMPILATION_CACHE_DIR"


def main(argv: Sequence[str]) -> int:
    """Measures and writes the record, or is one of the processes that are measured."""
    options = record.parsed(_parser(), argv)
    if options.stage:
        print(json.dumps(STAGES[options.stage](options)))
        return 0
    if options.weights and not options.weights.is_dir():
        raise ValueError(f"weights: there is no folder {options.weights}")
    kept = record.begin("start", argv, options)
    words = dict(HELP)
    if not record.lacking(("torch", "diffusers", "transformers")):
        words |= THEIRS
    for name, given in words.items():
        kept.add(name, spread([_lasted(given) for _ in range(options.calls)]))
    for size in COMPILED[:1] if options.rehearse else COMPILED:
        with tempfile.TemporaryDirectory() as cache:
            first = [_asked("compile", size, options) for _ in range(options.calls)]
            _asked("compile", size, options, cache)
            again = [_asked("compile", size, options, cache) for _ in range(options.calls)]
        kept.add(f"compile {size}", {key: spread([x[key] for x in first]) for key in first[0]})
        kept.add(
            f"compile {size} again", {key: spread([x[key] for x in again]) for key in again[0]}
        )
    if options.weights:
        found = [_asked("load", "", options) for _ in range(options.calls)]
        kept.add("load", {key: spread([x[key] for x in found]) for key in found[0]})
    else:
        print("--weights DIR, a model's folder, also times loading it", file=sys.stderr)
    return 0


def _lasted(words: Sequence[str]) -> float:
    """Seconds that Python took with these arguments. Writing bytecode is not counted: the caller's
    median is of several."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _asked(stage: str, size: str, options: argparse.Namespace, cache: str = "") -> dict[str, float]:
    """What a process of its own says of a stage, and its peak of memory."""
    words = ["-m", "benchmarks", "start", "--stage", stage, "--size", size]
    words += ["--rehearse"] if options.rehearse else []
    words += ["--weights", options.weights] if options.weights else []
    before = os.environ.get(CACHE)
    if cache:
        os.environ[CACHE] = cache
    try:
        with tempfile.TemporaryFile("w+") as told:
            watched = run(*words, stdout=told)
            told.seek(0)
            if watched["status"]:
                raise RuntimeError(f"{stage} {size} ended with {watched['status']}")
            return json.loads(told.read()) | {"peak_anonymous_bytes": watched["anonymous_bytes"]}
    finally:
        if cache:
            os.environ.pop(CACHE) if before is None else os.environ.update({CACHE: before})


def _compile(options: argparse.Namespace) -> dict[str, float]:
    from .network_ours import traced

    work = tiny(TASKS[options.size]) if options.rehearse else TASKS[options.size]
    began = time.perf_counter()
    lowered = traced(work).lower()
    ready = time.perf_counter()
    lowered.compile()
    return {"trace": ready - began, "compile": time.perf_counter() - ready}


def _load(options: argparse.Namespace) -> dict[str, float]:
    from vinf_jax.systems.video_infinity import VideoInfinity

    began = time.perf_counter()
    VideoInfinity.load(options.weights)
    return {"seconds": time.perf_counter() - began}


STAGES: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "compile": _compile,
    "load": _load,
}


def _parser() -> record.Parser:
    to = record.parser("start", __doc__, calls=2)
    to.add_argument("--weights", type=Path, metavar="DIR", help="of a model, to time its loading")
    to.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    to.add_argument("--size", default="reduced", help=argparse.SUPPRESS)
    return to
