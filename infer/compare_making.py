"""The making of a comparison's videos: several in one call, their files and measures by other
processes while the device goes on."""

import argparse
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from vinf_jax.media.sheet import save_png
from vinf_jax.media.target import replacing
from vinf_jax.media.video import VideoWriter
from vinf_jax.programs import ours

from .compare_measures import scored
from .compare_runs import Run, asked, batches
from .films import Film, film, joins
from .making import enlargement
from .outputs import write_json
from .ruler import Ruler

AHEAD = 3
"""Videos of each worker that may wait for it, frames and all, before no more are made."""


@dataclass(frozen=True)
class Making:
    """How runs become videos.

    common: arguments of `generate` that all runs share, and under "model" which model it is.
    origin: of the records. how: arguments of `generate` that do not decide how a video looks.
    together: as in `batches`.
    """

    model: Any
    common: Mapping[str, Any]
    origin: Mapping[str, Any]
    how: Mapping[str, Any]
    together: int = 0

    def make(
        self, runs: Sequence[Run], finish: Callable[..., object], said: Callable[[str], object]
    ) -> None:
        """Makes all runs that are not finished.

        finish: is given each run with its frames and its record. said: is told the title of what
        comes, and gives what is to be told about its steps.
        """
        done = sum(run.finished for run in runs)
        for batch in batches(runs, self.together):
            last = f" to {done + len(batch)}" if len(batch) > 1 else ""
            title = f"{done + 1}{last} of {len(runs)}: {batch[0].video}"
            start = time.perf_counter()
            for run, frames in zip(batch, self._videos(batch, said(title)), strict=True):
                seconds = (time.perf_counter() - start) / len(batch)
                finish(run, frames, self._record(run, frames, seconds))
            done += len(batch)

    def _wishes(self, run: Run) -> dict[str, Any]:
        shared = {name: value for name, value in self.common.items() if name != "model"}
        return shared | run.wishes(self.model.settings)

    def _videos(self, batch: Sequence[Run], on_step: Any) -> Iterator[np.ndarray]:
        how = self._wishes(batch[0]) | dict(self.how) | {"on_step": on_step}
        if not self.together:
            yield self.model.generate(list(batch[0].prompts), seed=batch[0].seed, **how)
            return
        pairs = [(run.prompts, run.seed) for run in batch]
        yield from self.model.generate_many(pairs, **how)

    def _record(self, run: Run, frames: np.ndarray, seconds: float) -> dict[str, Any]:
        """seconds: its share of those of its call."""
        wishes, settings = self._wishes(run), self.model.settings.to_dict()
        request = self.model.begin(run.prompts, seed=run.seed, **wishes, **self.how).request
        settings |= {name: value for name, value in wishes.items() if name in settings}
        settings |= {"crossfade": request.crossfade, "cuts": list(request.cuts)}
        spans = zip(run.prompts, request.ranges, strict=True)
        record = {
            "method": run.method.name,
            "prompts": [{"text": text, "start": a, "stop": b} for text, (a, b) in spans],
            "seed": run.seed,
            "frames": run.frames,
            "settings": settings,
            "scale": enlargement(None, *frames.shape[1:3]),
            "joins": joins(settings, run.frames),
            "seconds": round(seconds, 3),
            "asked": asked(run, self.common, self.model.settings),
        }
        return record | dict(self.origin)


@contextmanager
def finishing(workers: int, options: argparse.Namespace) -> Generator[Callable[..., object]]:
    """What writes a run's files and measures it: finish(run, frames, record). In `workers` other
    processes, which see no accelerator, and are waited for at the end, also of what is stopped by
    hand, and where AHEAD videos of each wait already; at once with 0. What went wrong with a video
    is raised with the next.

    options: of `add_distance`, and mp4.

    Raises:
        ValueError: a worker that died.
    """
    ruler = Ruler(options)  # where others measure it says what is wrong before videos are made
    if not workers:
        yield lambda run, frames, record: _finish(run, frames, record, ruler, options)
        return
    apart = multiprocessing.get_context("spawn")
    with _telling(), ProcessPoolExecutor(workers, apart, _begin, (options,)) as pool:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # and so it is for those that start
        waiting: set[Future] = {pool.submit(os.getpid) for _ in range(workers)}
        signal.signal(signal.SIGINT, before)

        def finish(*given: Any) -> None:
            _await(waiting, AHEAD * workers - 1)
            waiting.add(pool.submit(_finish_apart, *given))

        yield finish
        _await(waiting, 0)


def show(film: Film) -> None:
    """Writes the mp4 of a video whose frames alone are here."""
    frames, fps = film.read()
    how = {"scale": film.scale, "overwrite": True}
    with VideoWriter(film.path, fps, *frames.shape[1:3], **how) as video:
        video.write(frames)


def _await(waiting: set[Future], most: int) -> None:
    """Waits until at most so many are left; raises what one of those that ended has raised, or
    has said."""
    while True:
        ended = {each for each in waiting if each.done()}
        waiting -= ended
        for each in ended:
            if isinstance(said := each.result(), ValueError):
                raise ValueError(str(said))
        if len(waiting) <= most:
            return
        wait(waiting, return_when=FIRST_COMPLETED)


@contextmanager
def _telling() -> Generator[None]:
    try:
        yield
    except BrokenProcessPool:
        raise ValueError(
            "workers: a process that writes and measures videos died, which may mean too "
            "little memory; the same command goes on with what is finished; give fewer --workers"
        ) from None


def _begin(options: argparse.Namespace) -> None:
    """A worker's first act."""
    global _at_hand
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ.pop("XLA_FLAGS", None)
    _at_hand = Ruler(options), options


_at_hand: Any = None


def _finish_apart(run: Run, frames: np.ndarray, record: Mapping[str, Any]) -> ValueError | None:
    """An error whose text is meant for people comes back: its traceback would not."""
    try:
        _finish(run, frames, record, *_at_hand)
    except ValueError as error:
        if not ours(error):
            raise
        return error
    return None


def _finish(
    run: Run,
    frames: np.ndarray,
    record: Mapping[str, Any],
    ruler: Ruler,
    options: argparse.Namespace,
) -> None:
    fps = record["settings"]["fps"]
    with replacing(run.video.with_suffix(".npz"), True) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, frames=frames, fps=np.float64(fps))
    save_png(run.video.with_suffix(".png"), frames[len(frames) // 2], overwrite=True)
    write_json(run.record, record, True)
    made = film(run.video)
    if options.mp4:
        show(made)
    scored(made, ruler, options.window)
