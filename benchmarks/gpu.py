"""One call that measures a GPU: what a person with one would want to know, most important first.

    python -m infer benchmark gpu --out DIR --minutes 9

DIR/gpu.json is written with every figure, so a run that is cut off keeps what it has. Parts that
are alike share a process, its model and its compiled functions, and all share a compile cache. A
part that fails or outlasts its time is told, and the next begin in a new process. VideoCrafter2 at
320x512 with guidance in bfloat16, random weights. FLOPs are by the counts of
`vinf_jax.parallel.traced` (0.7875 T of a frame's call, 1.564 T of a decoded frame); shares are of
790 TFLOP/s, what matrix products reach on an H200. Where torch with CUDA and diffusers are
installed, their call stands beside ours.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from . import record

ALONE = "import jax, sys; sys.exit(jax.default_backend() == 'cpu')"
"""Asked of a process of its own: one that has started jax keeps the GPU's memory."""
END = 5.0
"""Seconds that are kept for the last writing."""


class Part(NamedTuple):
    """least: seconds without which it is not begun. most: that it may take. environment: beside
    the caller's, its flags behind the caller's own; parts of one environment in a row share a
    process. measures: what of `gpu_parts`, if that has another name."""

    what: str
    least: float
    most: float
    environment: Mapping[str, str]
    measures: str = ""


CUBLAS = "--xla_gpu_enable_triton_gemm=false"
"""Products by cuBLAS alone: trying Triton's for each of them takes minutes."""
WIDE = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.92"} | {"XLA_FLAGS": CUBLAS}
SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} | {"XLA_FLAGS": CUBLAS}
SAME = {"XLA_FLAGS": "--xla_gpu_deterministic_ops=true", "JAX_PLATFORMS": "cuda,cpu"}
PARTS = {
    "clip": Part("24 frames: a step with guidance", 30, 240, WIDE),
    "decode": Part("decoding 24 frames", 15, 90, WIDE),
    "profile": Part("a step of 24 frames, kernel by kernel", 10, 60, WIDE),
    "long": Part("2,304 frames: some steps, the rest extrapolated", 60, 300, WIDE),
    "attention": Part("attention: ours, XLA's, cuDNN's", 20, 60, WIDE),
    "beside": Part("24 frames, one call: ours, diffusers, torch.compile", 60, 300, SHARED),
    "sprites": Part("the small model: float32 against the processor, resumed", 20, 90, SAME),
    **{
        name: Part(f"a step of 24 frames, {key}={flag}", 50, 240, WIDE | {key: flag}, "step")
        for name, key, flag in (
            ("triton", "XLA_FLAGS", ""),
            ("O1", "JAX_OPTIMIZATION_LEVEL", "O1"),
            ("no_command_buffers", "XLA_FLAGS", f"{CUBLAS} --xla_gpu_enable_command_buffer="),
        )
    },
    "warm": Part("compiling for clip, decode and long alone, into the cache", 30, 400, SHARED),
    "whole": Part("2,304 frames, 30 steps, decoding: nothing extrapolated", 120, 1200, WIDE),
}


def main(argv: Sequence[str]) -> int:
    """Measures what the time allows; or is a process that does some of the parts."""
    options = _parser().parse_args(list(argv))
    if options.process:
        from . import gpu_parts

        gpu_parts.measure(options.parts, options.until, options.rehearse)
        return 0
    if options.minutes <= 0:
        raise ValueError(f"minutes: {options.minutes}; give more than 0")
    if not options.rehearse and subprocess.run([sys.executable, "-c", ALONE]).returncode:
        raise ValueError("gpu: jax finds none; install jax[cuda13], or give --rehearse")
    options.out.mkdir(parents=True, exist_ok=True)
    until = time.time() + 60 * options.minutes
    words = [f"--minutes {options.minutes:g}", *(["--rehearse"] if options.rehearse else [])]
    kept = record.Record(
        "gpu --out DIR", words, options.out / "gpu.json", rehearsal=options.rehearse
    )
    with tempfile.TemporaryDirectory() as cache:
        given = {"JAX_COMPILATION_CACHE_DIR": cache} | os.environ
        given |= {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"} if options.rehearse else {}
        names = list(options.parts)
        while names:
            names = names[_tried(kept, _alike(names), until - END, given, options.rehearse) :]
    return 0


def _alike(names: Sequence[str]) -> list[str]:
    """The first of these, and those behind it that can share its process."""
    own = PARTS[names[0]].environment
    return list(takewhile(lambda name: PARTS[name].environment == own, names))


def _tried(
    kept: record.Record,
    names: Sequence[str],
    until: float,
    environment: Mapping[str, str],
    rehearse: bool,
) -> int:
    """Does parts of one environment, one after the other; how many of them are over with."""
    words = ["-m", "benchmarks", "gpu", "--out", ".", "--until", str(until), "--parts", *names]
    words += ["--process", *(["--rehearse"] if rehearse else [])]
    own = PARTS[names[0]].environment
    flags = f"{environment.get('XLA_FLAGS', '')} {own.get('XLA_FLAGS', '')}".strip()
    environment = {**environment, **own, "XLA_FLAGS": flags}
    environment |= {"JAX_PLATFORMS": "cpu"} if rehearse else {}
    done = 0
    with subprocess.Popen(
        [sys.executable, *words],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as child:
        try:
            for name, facts, over in _told(child):
                result = {"what": PARTS[name].what, "environment": own} | facts
                (kept.add if over else kept.keep)(name, result)
                done += over
            status = child.wait()
        finally:  # and the processes that it began: they would keep the GPU's memory
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    if done < len(names):
        begun = kept.fields["results"].get(names[done], {"what": PARTS[names[done]].what})
        kept.add(names[done], begun | {"failed": f"its process ended with {status}"})
        done += 1
    return done


def _told(child: subprocess.Popen) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """What a process says: of which part, all that it found so far, whether that is all."""
    assert child.stdout
    for line in child.stdout:
        told = json.loads(line)
        yield told["part"], told["facts"], told["over"]


def _parser() -> record.Parser:
    to = record.programs.parser("python -m infer benchmark gpu", __doc__)
    to.add_argument("--out", type=Path, required=True, metavar="DIR", help="gpu.json goes there")
    to.add_argument("--minutes", type=float, default=9, metavar="X", help="default: 9")
    to.add_argument(
        "--parts",
        nargs="+",
        choices=PARTS,
        default=[name for name in PARTS if name != "warm"],
        help="default: all but warm, in this order",
    )
    to.add_argument("--rehearse", action="store_true", help="a tiny model, on the CPU")
    to.add_argument("--process", action="store_true", help=argparse.SUPPRESS)
    to.add_argument("--until", type=float, default=0.0, help=argparse.SUPPRESS)
    return to
