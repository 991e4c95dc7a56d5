"""The parts of `gpu`: what is measured, and told as it comes."""

import contextlib
import json
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vinf_jax.systems.video_infinity import Progress, VideoInfinity

from . import gpu_attention, gpu_kernels, gpu_sprites, networks, record
from .gpu import PARTS
from .gpu_model import model
from .paired import spread

FRAME, DECODED = 0.7875e12, 1.564e12
"""FLOPs of a frame of 40x64 latents in one call, and of decoding it."""
ATTAINABLE = 790e12
PROMPTS = ("a",)
STEPS = 30
SHORT, LONG = 24, 2304
"""Frames: of a published clip, and of the paper's longest video."""
OUT = sys.stdout
"""Where parts are told; what libraries print goes to the errors."""


class Enough(Exception):
    """As many steps as were wanted."""


class Part:
    """What a part found; `say` tells the process that waits for it."""

    def __init__(self, name: str, until: float, rehearse: bool, found: Mapping[str, Any]) -> None:
        self.name, self.until, self.rehearse = name, until, rehearse
        self.found = found
        self.facts: dict[str, Any] = {}

    def say(self, over: bool = False, **facts: Any) -> None:
        self.facts |= facts
        told = {"part": self.name, "facts": self.facts, "over": over}
        print(json.dumps(told), file=OUT, flush=True)

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


def measure(names: Sequence[str], until: float, rehearse: bool) -> None:
    """Does these parts. One that fails says why; one that outlasts its time ends the process."""
    found: dict[str, dict[str, Any]] = {}
    with contextlib.redirect_stdout(sys.stderr):
        for name in names:
            plan, left = PARTS[name], until - time.time()
            end = until if rehearse else min(until, time.time() + plan.most)
            part = Part(name, end, rehearse, found)
            found[name] = part.facts
            if left < plan.least:
                told = f"{left:.0f} s were left, and it takes {plan.least:.0f} or more"
                part.say(over=True, left_out=told)
                continue
            _measured(part, plan.measures or name)


def _measured(part: Part, measures: str) -> None:
    began = time.time()
    part.say(device=jax.devices()[0].device_kind)
    late = threading.Timer(part.left, _late, (part,))
    late.daemon = True
    late.start()
    try:
        MEASURED[measures](part)
    except Exception as error:  # the parts behind it are not to be lost with it
        traceback.print_exc()
        part.say(failed=f"{type(error).__name__}: {error}"[:400])
    late.cancel()
    part.say(over=True, part_seconds=round(time.time() - began, 1))


def _late(part: Part) -> None:
    print(f"{part.name}: its time is over", file=sys.stderr, flush=True)
    os._exit(124)


def memory(name: str) -> int | None:
    """What the device says of its memory."""
    return (jax.devices()[0].memory_stats() or {}).get(name)


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
        if progress.stage == "denoise" and (len(seconds) == count or slow):
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
    _step(part, 4 if part.rehearse else SHORT, 5 if part.rehearse else 14, uncounted=2)


def long(part: Part) -> None:
    """A few steps of a long video, the first one not counted; the job's seconds follow."""
    frames = 24 if part.rehearse else LONG
    middle = _step(part, frames, 3, uncounted=1)
    each = part.found.get("decode", {}).get("seconds_per_frame")
    if each is None:
        each = decoded(model(part.rehearse), frames, SHORT) / SHORT
    part.say(decode_seconds=each * frames)
    part.say(job_seconds=STEPS * middle + each * frames, extrapolated=True)


def _step(part: Part, frames: int, count: int, uncounted: int) -> float:
    """Seconds of a step of so many frames, and the memory that it took."""
    made, before = model(part.rehearse), memory("bytes_in_use")
    seconds, compiling = steps(made, frames, count, part.until)
    counted = seconds[uncounted:] or seconds
    middle = float(np.median(counted))
    part.say(frames=frames, compile_seconds=compiling, step_seconds=spread(counted))
    part.say(seconds=seconds, **part.share(2 * frames * FRAME, middle))
    peak = memory("peak_bytes_in_use")
    if before is not None and peak is not None:
        part.say(peak_bytes=peak, bytes_per_frame=(peak - before) / frames)
    return middle


def decode(part: Part) -> None:
    """A clip decoded, after a first time."""
    frames = 4 if part.rehearse else SHORT
    each = decoded(model(part.rehearse), frames, frames) / frames
    part.say(seconds_per_frame=each, **part.share(DECODED, each))


def whole(part: Part) -> None:
    """The long video from the first step to the last frame, after a step that compiles."""
    made, frames = model(part.rehearse), 24 if part.rehearse else LONG
    foretold = part.found.get("long", {}).get("job_seconds", 0.0)
    if foretold > part.left:
        part.say(left_out=f"it takes about {foretold:.0f} s, and {part.left:.0f} s were left")
        return
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


def beside(part: Part) -> None:
    """One call of the UNet on a clip with guidance, and of the decoder, ours and PyTorch's."""
    os.environ.setdefault("JAX_PLATFORMS", "cuda")
    if record.lacking(networks.PUBLIC):
        part.say(left_out=f"{', '.join(networks.PUBLIC)} are not all installed")
        return
    for name, sides in (("guided", networks.SIDES), ("decoded", networks.SIDES[:2])):
        part.say(**{name: networks.measured(name, sides, 7, 0, part.rehearse)})


def warm(part: Part) -> None:
    """Compiles what `clip`, `decode` and `long` run: they find it where JAX_COMPILATION_CACHE_DIR
    says. The GPU has little to do."""
    made, sizes = model(part.rehearse), (4, 24) if part.rehearse else (SHORT, LONG)
    for name, frames in zip(("clip", "long"), sizes, strict=True):
        part.say(**{f"{name}_compile_seconds": steps(made, frames, 0, part.until)[1]})
        if name == "clip":
            decoded(made, frames, min(frames, 8))


def profile(part: Part) -> None:
    """Two steps under the profiler, after others."""
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


def sprites(part: Part) -> None:
    """The model that ships."""
    part.say(**gpu_sprites.compared(part.rehearse))


MEASURED: dict[str, Callable[[Part], None]] = {
    "clip": step,
    "step": step,
    "decode": decode,
    "profile": profile,
    "long": long,
    "attention": attention,
    "beside": beside,
    "sprites": sprites,
    "warm": warm,
    "whole": whole,
}
