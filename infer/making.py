"""One video by a loaded model: a job's folder that is worked on, then the video, its sheet, its
record."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.checkpoint.index import measured
from vinf_jax.media import video_footage
from vinf_jax.media.sheet import save_png, sheet, spaced
from vinf_jax.media.target import check_target
from vinf_jax.media.video import VideoWriter
from vinf_jax.parallel import hosts
from vinf_jax.systems.video_infinity import VideoInfinity
from vinf_jax.systems.video_infinity.asked import asked_of
from vinf_jax.systems.video_infinity.job import Job
from vinf_jax.systems.video_infinity.making import Making
from vinf_jax.systems.video_infinity.opening import open_job, telling
from vinf_jax.systems.video_infinity.pieces import Stretch
from vinf_jax.systems.video_infinity.work import Work

from .outputs import Outputs, write_json
from .progress import Display

SHOWN = 24
"""Frames on a contact sheet."""
PREVIEW_EVERY = 20.0
"""Seconds between previews, at least."""
SMALLEST = 256
"""Pixels of the shorter side of a video that nobody gave a scale for, at least."""


@dataclass(frozen=True)
class Order:
    """One video that is to be made.

    making: of it. asked: what decides how it looks beside its wishes: config, weights, dtype, given
    frames. run: how, where and with what it is worked on. scale: enlarges the video. stretches,
    source: where given frames come from, as `Work` takes them. replaces: the job's folder that this
    one's takes the place of in the end.
    """

    model: VideoInfinity
    making: Making
    asked: Mapping[str, Any]
    run: Mapping[str, Any]
    files: Outputs
    scale: int | None = None
    stretches: Sequence[Stretch] = ()
    source: Job | None = None
    resume: bool = False
    force: bool = False
    preview: bool = False
    keep: bool = True
    save_every: int = 5
    replaces: Path | None = None
    damaged: dict[str, str] = field(default_factory=dict)

    @property
    def enlargement(self) -> int:
        return enlargement(self.scale, self.making.request.height, self.making.request.width)

    def opened(self) -> Job:
        """The job's folder."""
        request, more = self.making.request, {"scale": self.enlargement, **self.asked}
        asked = asked_of(request, self.making.waves, **more)
        how = {"resume": self.resume, "force": self.force}
        return open_job(self.files.job, asked, dict(self.run), **how)

    def captions(self, numbers: Sequence[int]) -> list[str]:
        """The prompts of these frames."""
        request = self.making.request
        pairs = list(zip(request.ranges, request.prompts, strict=True))
        return [next(text for (_, stop), text in pairs if n < stop) for n in numbers]

    def sheet(self, frames: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
        return sheet(frames, numbers, self.making.request.fps, captions=self.captions(numbers))


def enlargement(scale: int | None, height: int, width: int) -> int:
    """The wanted one, or what brings the shorter side to SMALLEST pixels."""
    return -(-SMALLEST // max(min(height, width), 1)) if scale is None else scale


def codec_troubles(path: Path, fps: float, height: int, width: int, scale: int | None) -> list[str]:
    """What keeps the codec from encoding such a video."""
    factor = enlargement(scale, height, width)
    try:
        VideoWriter(path, fps, height, width, scale=factor, overwrite=True)
    except ValueError as error:
        return [str(error)]
    except OSError:
        pass  # said with the troubles of all files
    return []


def make(order: Order, display: Display) -> Iterator[Path]:
    """Makes a video; yields each of its files when it is whole, and none where all are there, or
    where the first of several processes looks after them."""
    files, request = order.files, order.making.request
    own = files.own() if order.resume else set()
    with order.opened() as job:
        order.damaged.update(job.damaged)
        if hosts.gathered(not job.damaged and job.finished and _whole(files, job.finished))[0]:
            if hosts.leads():
                _settle(order, job)
            return
        if order.force:
            own = {*files.all, files.preview}
        if hosts.leads():
            job.own({*own, files.preview} if order.preview else own)
        watched = _Watched(order, display, previews=order.preview and hosts.leads())
        how = {"stretches": order.stretches, "source": order.source}
        work = Work(job, order.making, order.model.encode, save_every=order.save_every, **how)
        work.go(watched, display.stage)
        if not hosts.leads():
            return
        with telling(job):
            for path in files.all:
                check_target(path, overwrite=path in own)
            job.own(files.all)
        work.save(files.video, overwrite=files.video in own)
        yield files.video
        with telling(job):
            numbers = spaced(request.frames, SHOWN)
            samples = samples_of(files.video, numbers, order.enlargement)
            save_png(files.sheet, order.sheet(samples, numbers), overwrite=files.sheet in own)
            yield files.sheet
            write_json(files.record, _record(order, display, watched.steps), files.record in own)
            yield files.record
            job.finish(files.video)
        _settle(order, job)


def _settle(order: Order, job: Job) -> None:
    """What becomes of a finished job's folder."""
    if order.replaces:
        job.move(order.replaces)
    if not order.keep:
        job.remove()


def _whole(files: Outputs, video: Sequence[int]) -> bool:
    """Whether all files are there, and the video is the one of that size and checksum."""
    if not all(path.is_file() for path in files.all):
        return False
    return measured(files.video, checksums=True) == list(video)


def samples_of(video: Path, numbers: Sequence[int], scale: int) -> np.ndarray:
    """Frames of a video file by number, uint8 (n, H, W, 3), the enlargement undone."""
    footage = video_footage.probe(video)
    frames = [video_footage.read(video, footage, number, 1)[0] for number in numbers]
    return np.stack(frames)[:, scale // 2 :: scale, scale // 2 :: scale]


def _record(order: Order, display: Display, steps: int) -> dict[str, Any]:
    request = order.making.request
    spans = zip(request.prompts, request.ranges, strict=True)
    timings = display.watch.seconds()
    with_scale = asked_of(request, order.making.waves, scale=order.enlargement, **order.asked)
    names = ("seed", "frames", "negative_prompt", "scale", "config", "given", "dtype")
    return {name: order.run[name] for name in ("command", "versions", "weights", "mesh")} | {
        **{name: with_scale[name] for name in names},
        "prompts": [{"text": text, "start": a, "stop": b} for text, (a, b) in spans],
        "settings": order.model.settings.to_dict() | with_scale["settings"],
        "waves": len(order.making.waves),
        "timings": {name: round(value, 3) for name, value in timings.items()},
        "seconds_per_step": round(timings.get("denoise", 0.0) / max(steps, 1), 4),
    }


class _Watched:
    """Passes progress on to the display, and now and then writes what a wave looks like.

    steps: how many steps were made.
    """

    def __init__(self, order: Order, display: Display, previews: bool) -> None:
        self._order, self._display, self.steps = order, display, 0
        self._previews = previews
        self._title, self._last = display.title, time.perf_counter()

    def __call__(self, progress: Any) -> None:
        if progress.waves > 1:
            self._display.title = f"{self._title}, wave {progress.wave + 1}/{progress.waves}"
        before = self._display.done.get("denoise", 0)
        self._display(progress)
        if progress.stage != "denoise":
            return
        self.steps += progress.step == before + 1
        if not self._previews or time.perf_counter() < self._last + PREVIEW_EVERY:
            return
        frames = progress.preview()
        if frames is not None:
            picture = self._order.sheet(frames, progress.shown)
            save_png(self._order.files.preview, picture, overwrite=True)
            self._last = time.perf_counter()
