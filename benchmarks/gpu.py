"""One call that measures a GPU: what a person with one would want to know, most important first.

    python -m infer benchmark gpu --out DIR --minutes 9

Parts run in processes of their own, one after the other, and share a compile cache; DIR/gpu.json is
written after every part, and what a part had measured when the time was over is kept. VideoCrafter2
at 320x512 with guidance in bfloat16, random weights. FLOPs are by the counts of
`vinf_jax.parallel.traced` (0.7875 T of a frame's call, 1.564 T of a decoded frame); shares are of
790 TFLOP/s, what matrix products reach on an H200. Where torch with CUDA and diffusers are
installed, their call stands beside ours.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import record

ALONE = "import jax, sys; sys.exit(jax.default_backend() == 'cpu')"
"""Asked of a process of its own: one that has started jax keeps the GPU's memory."""
END = 5.0
"""Seconds that are kept for the last writing."""


class Part(NamedTuple):
    """least: seconds without which it is not begun. most: that it may take. environment: beside
    the caller's. measures: what of `gpu_parts`, if that has another name."""

    what: str
    least: float
    most: float
    environment: Mapping[str, str]
    measures: str = ""


SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
WIDE = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.92"}
PARTS = {
    "clip": Part("24 frames: a step with guidance, decoding", 30, 200, WIDE),
    "long": Part("2,304 frames: some steps, the rest extrapolated", 60, 240, WIDE),
    "eager": Part("24 frames, one call: ours and diffusers", 60, 180, SHARED),
    "attention": Part("attention: ours, XLA's, cuDNN's", 20, 60, SHARED),
    "profile": Part("a step of 24 frames, kernel by kernel", 40, 90, WIDE),
    "compiled": Part("24 frames, one call: ours and torch.compile", 90, 240, SHARED),
    **{
        name: Part(f"a step of 24 frames, {key}={flag}", 50, 120, WIDE | {key: flag}, "step")
        for name, key, flag in (
            ("O1", "JAX_OPTIMIZATION_LEVEL", "O1"),
            ("no_command_buffers", "XLA_FLAGS", "--xla_gpu_enable_command_buffer="),
            ("no_triton_gemm", "XLA_FLAGS", "--xla_gpu_enable_triton_gemm=false"),
            ("conv_nhwc", "XLA_FLAGS", "--xla_gpu_force_conv_nhwc=true"),
        )
    },
    "whole": Part("2,304 frames, 30 steps, decoding: nothing extrapolated", 120, 1200, WIDE),
}


def main(argv: Sequence[str]) -> int:
    """Measures what the time allows; or is one of the parts."""
    options = _parser().parse_args(list(argv))
    if options.part:
        from . import gpu_parts

        gpu_parts.measure(options.part, options.out, options.until, options.rehearse)
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
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.parts:
            kept.add(name, _done(name, Path(scratch), until, options.rehearse))
    return 0


def _done(name: str, scratch: Path, until: float, rehearse: bool) -> dict[str, Any]:
    """One part's result, or why there is none."""
    part, left = PARTS[name], until - END - time.time()
    told = {"what": part.what, "environment": part.environment}
    if left < part.least:
        return told | {"left_out": f"{left:.0f} s were left, and it takes {part.least:.0f} or more"}
    before = _extrapolated(scratch)
    if name == "whole" and (before is None or before > left):
        takes = "an unknown time" if before is None else f"about {before:.0f} s"
        return told | {"left_out": f"it takes {takes}, and {left:.0f} s were left"}
    words = ["-m", "benchmarks", "gpu", "--part", part.measures or name]
    words += ["--out", str(scratch / f"{name}.json"), *(["--rehearse"] if rehearse else [])]
    seconds = left if rehearse else min(left, part.most)
    words += ["--until", str(time.time() + seconds)]
    environment = {"JAX_COMPILATION_CACHE_DIR": str(scratch / "cache")} | os.environ
    environment |= part.environment | ({"JAX_PLATFORMS": "cpu"} if rehearse else {})
    began = time.time()
    try:
        status: int | str = subprocess.run(
            [sys.executable, *words], env=environment, timeout=seconds
        ).returncode
    except subprocess.TimeoutExpired:
        status = f"ended after {seconds:.0f} s"
    file = scratch / f"{name}.json"
    found = json.loads(file.read_text()) if file.is_file() else {}
    took = {"status": status, "part_seconds": round(time.time() - began, 1)}
    return told | found | took


def _extrapolated(scratch: Path) -> float | None:
    """Seconds of the long video as `long` has foretold them."""
    file = scratch / "long.json"
    return json.loads(file.read_text()).get("job_seconds") if file.is_file() else None


def _parser() -> record.Parser:
    to = record.programs.parser("python -m infer benchmark gpu", __doc__)
    to.add_argument("--out", type=Path, required=True, metavar="DIR", help="gpu.json goes there")
    to.add_argument("--minutes", type=float, default=9, metavar="X", help="default: 9")
    to.add_argument(
        "--parts", nargs="+", choices=PARTS, default=[*PARTS], help="default: all, in this order"
    )
    to.add_argument("--rehearse", action="store_true", help="a tiny model, on the CPU")
    to.add_argument("--part", help=argparse.SUPPRESS)
    to.add_argument("--until", type=float, default=0.0, help=argparse.SUPPRESS)
    return to
