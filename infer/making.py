"""One video from a loaded model: frames to the encoder as they come, then its sheet and record."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.media.sheet import save_png, sheet, spaced
from vinf_jax.media.video import VideoWriter
from vinf_jax.parallel.timeline import spread
from vinf_jax.systems.video_infinity import VideoInfinity
from vinf_jax.systems.video_infinity.prompts import even_ranges

from .devices import described
from .outputs import Outputs, write_json
from .progress import Display

SHOWN = 24
"""Frames on a contact sheet."""
PREVIEW_EVERY = 20.0
"""Seconds between previews, at least."""
SMALLEST = 256
"""Pixels of the shorter side of a video that nobody gave a scale for, at least."""


@dataclass(frozen=True)
class Job:
    """What all videos of a run share.

    wishes: arguments of `VideoInfinity.stream`, the seed aside; prompts and frames are among them.
    scale: enlarges the video. origin: goes into every record.
    """

    model: VideoInfinity
    wishes: dict[str, Any]
    scale: int | None
    force: bool
    preview: bool
    origin: dict[str, Any]

    def chosen(self, name: str) -> Any:
        """An argument of `stream`, the model's setting where it was not given."""
        value = self.wishes.get(name)
        return getattr(self.model.settings, name) if value is None else value

    @property
    def enlargement(self) -> int:
        shorter = min(self.chosen("height"), self.chosen("width"))
        return -(-SMALLEST // max(shorter, 1)) if self.scale is None else self.scale

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The frames of each prompt."""
        given = self.wishes.get("ranges")
        return list(given or even_ranges(len(self.wishes["prompts"]), self.wishes["frames"]))

    def writer(self, files: Outputs) -> VideoWriter:
        return VideoWriter(
            files.video,
            self.chosen("fps"),
            self.chosen("height"),
            self.chosen("width"),
            scale=self.enlargement,
            overwrite=self.force,
        )

    def captions(self, numbers: Sequence[int]) -> list[str]:
        """The prompts of these frames."""
        pairs = list(zip(self.ranges, self.wishes["prompts"], strict=True))
        return [next(text for (_, stop), text in pairs if n < stop) for n in numbers]

    def sheet(self, frames: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
        return sheet(frames, numbers, self.chosen("fps"), captions=self.captions(numbers))


def troubles(job: Job, seeds: Sequence[int], files: Outputs) -> list[str]:
    """What keeps the model from making these videos, or the codec from encoding them."""
    found = []
    try:
        for seed in seeds:
            job.model.stream(**job.wishes, seed=seed)
    except ValueError as error:
        found.append(str(error))
    try:
        job.writer(files)
    except ValueError as error:
        found.append(str(error))
    except OSError:
        pass  # said with the troubles of all files
    return found


def make(job: Job, seed: int, files: Outputs, display: Display) -> Iterator[Path]:
    """Makes the video of a seed; yields each of its files when it is whole."""
    numbers = spaced(job.wishes["frames"], SHOWN)
    samples = []
    follow = _Previews(job, files.preview, display) if job.preview else display
    pieces = job.model.stream(**job.wishes, seed=seed, on_step=follow)
    with job.writer(files) as video:
        for start, frames in pieces:
            display.stage("write", video.count, job.wishes["frames"])
            video.write(frames)
            samples += [frames[n - start] for n in numbers if start <= n < start + len(frames)]
    yield files.video
    save_png(files.sheet, job.sheet(np.stack(samples), numbers), overwrite=job.force)
    yield files.sheet
    write_json(files.record, _record(job, seed, display), job.force)
    yield files.record


def _record(job: Job, seed: int, display: Display) -> dict[str, Any]:
    wishes = job.wishes
    spans = zip(wishes["prompts"], job.ranges, strict=True)
    timings = display.watch.seconds()
    asked = {name: wishes.get(name) for name in job.model.settings.to_dict()}
    asked = {name: value for name, value in asked.items() if value is not None}
    steps = max(display.done.get("denoise", 0), 1)
    return job.origin | {
        "prompts": [{"text": text, "start": a, "stop": b} for text, (a, b) in spans],
        "seed": seed,
        "frames": wishes["frames"],
        "negative_prompt": wishes["negative_prompt"],
        "settings": job.model.settings.to_dict() | asked,
        "scale": job.enlargement,
        "mesh": described(wishes["clips"], wishes["guidance_groups"]),
        "timings": {name: round(value, 3) for name, value in timings.items()},
        "seconds_per_step": round(timings.get("denoise", 0.0) / steps, 4),
    }


class _Previews:
    """Passes progress on to the display, and now and then writes what the video looks like."""

    def __init__(self, job: Job, path: Path, display: Display) -> None:
        self._job, self._path, self._display = job, path, display
        self._last = time.perf_counter()

    def __call__(self, progress: Any) -> None:
        self._display(progress)
        if progress.stage != "denoise" or time.perf_counter() < self._last + PREVIEW_EVERY:
            return
        frames = progress.preview()
        if frames is None:
            return
        numbers = spread(self._job.wishes["frames"], len(frames))
        save_png(self._path, self._job.sheet(frames, numbers), overwrite=True)
        self._last = time.perf_counter()
