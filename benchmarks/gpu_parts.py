"""The parts of `gpu`, each in a process of its own: what is measured, and written as it comes."""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vinf_jax.systems.video_infinity import Progress, VideoInfinity

from . import gpu_attention, gpu_kernels, networks, record
from .gpu_model import model
from .paired import spread

FRAME, DECODED = 0.7875e12, 1.564e12
"""FLOPs of a frame of 40x64 latents in one call, and of decoding it."""
ATTAINABLE = 790e12
PROMPTS = ("a",)
STEPS = 30
SHORT, LONG, SAMPLE = 24, 2304, 64
"""Frames: of a published clip, of the paper's longest video, and of that those that are decoded."""


class Enough(Exception):
    """As many steps as were wanted."""


class Part:
    """What a part writes into: `say` keeps on disk what it has so far."""

    def __init__(self, file: Path, until: float, rehearse: bool) -> None:
        self.file, self.until, self.rehearse = file, until, rehearse
        self.facts: dict[str, Any] = {"device": jax.devices()[0].device_kind}

    def say(self, **facts: Any) -> None:
        self.facts |= facts | memory()
        self.file.write_text(json.dumps(self.facts))

    @property
    def left(self) -> float:
        return self.until - time.time()

    def share(self, flops: float, seconds: float) -> dict[str, float]:
        """TFLOP/s and the share of what can be reached; nothing in a rehearsal, whose sizes are
        others."""
        if self.rehearse:
            return {}
        rate = flops / seconds
        return {"teraflops_per_second": rate / 1e12, "share_of_790": rate / ATTAINABLE}


def measure(name: str, file: Path, until: float, rehearse: bool) -> None:
    """Does one part."""
    MEASURED[name](Part(file, until, rehearse))


def memory() -> dict[str, int]:
    """The most that the device held so far, where it says so."""
    told = jax.devices()[0].memory_stats() or {}
    return {"peak_bytes": told["peak_bytes_in_use"]} if "peak_bytes_in_use" in told else {}


def steps(made: VideoInfinity, frames: int, count: int, until: float) -> tuple[list[float], float]:
    """Seconds of `count` steps, or of those that time allows, and of compiling."""
    making = made.begin(PROMPTS, frames=frames, steps=STEPS)
    seconds: list[float] = []
    since = time.perf_counter()

    def on_step(progress: Progress) -> None:
        nonlocal since
        now = time.perf_counter()
        if progress.stage == "denoise" and progress.step:
            seconds.append(now - since)
        since = now
        slow = seconds and time.time() + seconds[-1] > until
        if len(seconds) == count or slow:
            raise Enough

    with contextlib.suppress(Enough):
        making.wave(0, lambda numbers: np.zeros(0), on_step=on_step)
    return seconds, making.timings.get("compile", 0.0)


def decoded(made: VideoInfinity, frames: int, count: int) -> float:
    """Seconds of decoding so many frames of a video, after a first time that compiles."""
    making = made.begin(PROMPTS, frames=frames, steps=STEPS)
    latents = np.random.default_rng(0).standard_normal((count, *making.shape)).astype(making.dtype)
    for _ in range(2):
        began = time.perf_counter()
        for _ in making.decode(latents):
            pass
    return time.perf_counter() - began


def step(part: Part) -> None:
    """A step of a clip, the first two steps not counted."""
    made, frames = model(part.rehearse), 4 if part.rehearse else SHORT
    count = 5 if part.rehearse else 14
    seconds, compiling = steps(made, frames, count, part.until)
    counted = seconds[2:] or seconds
    middle = float(np.median(counted))
    rate = part.share(2 * frames * FRAME, middle)
    part.say(frames=frames, compile_seconds=compiling, step_seconds=spread(counted), **rate)


def clip(part: Part) -> None:
    """A step of a clip, then decoding."""
    step(part)
    made, frames = model(part.rehearse), 4 if part.rehearse else SHORT
    each = decoded(made, frames, frames) / frames
    rate = {f"decode_{key}": value for key, value in part.share(DECODED, each).items()}
    part.say(decode_seconds_per_frame=each, **rate)


def long(part: Part) -> None:
    """A few steps of a long video and some of its frames decoded; the job's seconds follow."""
    made, frames = model(part.rehearse), 24 if part.rehearse else LONG
    seconds, compiling = steps(made, frames, 4, part.until - 0.2 * part.left)
    counted = seconds[1:] or seconds
    middle = float(np.median(counted))
    rate = part.share(2 * frames * FRAME, middle)
    part.say(frames=frames, compile_seconds=compiling, steps_measured=len(seconds))
    part.say(step_seconds=spread(counted), **rate)
    sample = min(SAMPLE, frames)
    decoding = decoded(made, frames, sample) / sample * frames
    part.say(decode_seconds=decoding, job_seconds=STEPS * middle + decoding, extrapolated=True)


def whole(part: Part) -> None:
    """The long video from the first step to the last frame, after a step that compiles."""
    made, frames = model(part.rehearse), 24 if part.rehearse else LONG
    steps(made, frames, 1, part.until)
    decoded(made, frames, 8)
    began, count = time.perf_counter(), 0

    def on_step(progress: Progress) -> None:
        if progress.stage == "denoise":
            part.say(steps_done=progress.step, seconds_so_far=time.perf_counter() - began)

    for _, pixels in made.stream(PROMPTS, frames=frames, steps=STEPS, on_step=on_step):
        count += len(pixels)
    seconds = time.perf_counter() - began
    flops = frames * (2 * STEPS * FRAME + DECODED)
    part.say(frames=count, steps=STEPS, job_seconds=seconds, extrapolated=False)
    part.say(**part.share(flops, seconds))


def beside(side: str) -> Callable[[Part], None]:
    """One call of the UNet on a clip with guidance, ours and PyTorch's in turns."""

    def compare(part: Part) -> None:
        os.environ.setdefault("JAX_PLATFORMS", "cuda")
        if record.lacking(networks.PUBLIC):
            part.say(left_out=f"{', '.join(networks.PUBLIC)} are not all installed")
            return
        names = ("guided", "decoded") if side == "eager" else ("guided",)
        for name in names:
            found = networks.measured(name, ("ours", side), 7, 0, part.rehearse)
            part.say(**{name: found})

    return compare


def profile(part: Part) -> None:
    """Two steps under the profiler."""
    made, frames = model(part.rehearse), 4 if part.rehearse else SHORT
    steps(made, frames, 2, part.until)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            seconds, _ = steps(made, frames, 2, part.until)
        part.say(frames=frames, steps=len(seconds), seconds=sum(seconds))
        part.say(**gpu_kernels.table(Path(folder), len(seconds)))


def attention(part: Part) -> None:
    """The attentions of a clip with guidance, one after the other."""
    for name, result in gpu_attention.results(part.rehearse):
        part.say(**{name: result})


MEASURED: dict[str, Callable[[Part], None]] = {
    "clip": clip,
    "step": step,
    "long": long,
    "whole": whole,
    "eager": beside("eager"),
    "compiled": beside("compiled"),
    "profile": profile,
    "attention": attention,
}
