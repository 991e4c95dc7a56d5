"""A whole video by a small model, from prompts to mp4: frames per second by stage.

The first video compiles; the next ones are of the same size and counted. Denoising is in frames
times steps per second as well, which does not depend on the settings. The file is written by the
same process, so its stage is time that nothing else uses.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import record
from .paired import compared

PROMPTS = ("a red circle moves right over a plain white background",)
FRAMES = 96


def main(argv: Sequence[str]) -> int:
    """Measures and writes the record."""
    options = record.parsed(_parser(), argv)
    if not options.weights.is_dir():
        raise ValueError(f"weights: there is no folder {options.weights}")
    from vinf_jax.systems.video_infinity import VideoInfinity

    frames = 8 if options.rehearse else options.frames
    steps = 2 if options.rehearse else None
    began = time.perf_counter()
    model = VideoInfinity.load(options.weights)
    loaded = time.perf_counter() - began
    kept = record.begin("video", argv, options, frames=frames, settings=model.settings.to_dict())
    kept.add("load", {"seconds": round(loaded, 3)})
    kept.add("first video, compiling", {"seconds": _made(model, frames, steps, 0)})
    runs = [_made(model, frames, steps, 1 + n) for n in range(options.calls)]
    found = compared({stage: [run[stage] for run in runs] for stage in runs[0]}, ())["seconds"]
    rates = {stage: round(frames / max(x["median"], 1e-9), 3) for stage, x in found.items()}
    made = {"seconds": found, "frames_per_second": rates, "runs": runs}
    turns = frames * (steps or model.settings.steps)
    kept.add("video", made | {"frames_times_steps_per_second": turns / found["denoise"]["median"]})
    return 0


def _made(model: Any, frames: int, steps: int | None, seed: int) -> dict[str, float]:
    """Seconds by stage of one video."""
    from vinf_jax.media.video import VideoWriter

    chosen, began, writing = model.settings, time.perf_counter(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        shape = (chosen.fps, chosen.height, chosen.width)
        with VideoWriter(Path(folder) / "video.mp4", *shape) as file:
            for _, pixels in model.stream(PROMPTS, frames=frames, steps=steps, seed=seed):
                since = time.perf_counter()
                file.write(pixels)
                writing += time.perf_counter() - since
    total = time.perf_counter() - began
    return {"write": writing, "total": total} | model.timings


def _parser() -> record.Parser:
    to = record.parser("video", __doc__, calls=3)
    to.add_argument("--weights", type=Path, required=True, metavar="DIR", help="a model's folder")
    to.add_argument("--frames", type=int, default=FRAMES, metavar="N", help="default: %(default)s")
    return to
