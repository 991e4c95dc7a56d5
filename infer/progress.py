"""What a person sees while a video is made: a live bar on a terminal, lines elsewhere.

Also the clock: how long each stage took.
"""

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

EVERY = 10.0
"""Seconds between lines where there is no terminal."""


class Stopwatch:
    """Seconds by stage. A stage lasts until the next one starts; one that returns adds up."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now, self._since = now, now()
        self._start, self._spent = self._since, defaultdict[str, float](float)
        self.stage = ""

    def switch(self, stage: str) -> None:
        """The stage that is on from here; nothing happens if it is on already."""
        if stage != self.stage:
            self._spent[self.stage] += self._now() - self._since
            self.stage, self._since = stage, self._now()

    @property
    def here(self) -> float:
        """Seconds since the present stage started."""
        return self._now() - self._since

    def seconds(self) -> dict[str, float]:
        """Seconds of every stage so far, and their "total"."""
        self._spent[self.stage] += self._now() - self._since
        self._since = self._now()
        stages = {stage: spent for stage, spent in self._spent.items() if stage}
        return stages | {"total": self._now() - self._start}


class Display:
    """Shows where a run is; call it with the progress that `VideoInfinity.generate` reports.

    `with Display("seed 0") as display: model.generate(..., on_step=display)`

    A thread keeps the clock moving, so that a long compilation is not silent.

    Args:
        title: what is being made; may be changed on the way.
        watch: told about every stage.
        stream: where to write, the standard error stream if not given.
        every: seconds between lines where `stream` is no terminal.

    Attributes:
        done: by stage, how many of its steps were done when it was last heard of.
    """

    def __init__(
        self,
        title: str = "",
        watch: Stopwatch | None = None,
        stream: Any = None,
        every: float = EVERY,
    ) -> None:
        self.title, self.watch = title, watch or Stopwatch()
        self.step, self.steps = 0, 0
        self.done: dict[str, int] = {}
        self._stream, self._every = stream or sys.stderr, every
        self._over = threading.Event()
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._stream.isatty():
            self._bar = _bar(self._stream)
            self._task = self._bar.add_task(self.title, note="", total=None)
            self._bar.start()
        every = 0.2 if self._bar else self._every
        self._ticker = threading.Thread(target=self._tick, args=(every,), daemon=True)
        self._ticker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._ticker.join()
        if self._bar:
            self._bar.stop()

    def __call__(self, progress: Any) -> None:
        self.stage(progress.stage, progress.step, progress.steps)

    def stage(self, stage: str, step: int = 0, steps: int = 0) -> None:
        """The run is in this stage, with `step` of `steps` done (0 of 0 where nobody counts)."""
        new = stage not in self.done
        self.watch.switch(stage)
        self.step, self.steps, self.done[stage] = step, steps, step
        if new and not self._bar:
            self._show()

    def status(self) -> str:
        """The stage and what is known of its length: "denoise 12/30, 1.4 s each, 25 s left".

        One or two steps say nothing about each other (compilation), so nothing is foretold.
        """
        parts = [f"{self.watch.stage} {self.step}/{self.steps}" if self.steps else self.watch.stage]
        if self.step and self.steps > 2:
            each = self.watch.here / self.step
            parts += [f"{each:.1f} s each", f"{_clock(each * (self.steps - self.step))} left"]
        elif self.watch.here >= 1:
            parts.append(f"{_clock(self.watch.here)} so far")
        return ", ".join(parts)

    def _tick(self, every: float) -> None:
        while not self._over.wait(every):
            self._show()

    def _show(self) -> None:
        if self._bar:
            self._bar.update(
                self._task,
                description=self.title,
                completed=self.step,
                total=self.steps or None,
                note=self.status(),
            )
        elif self.watch.stage:
            said = ": ".join(filter(None, [self.title, self.status()]))
            print(said, file=self._stream, flush=True)


def _bar(stream: Any) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[note]}"),
        console=Console(file=stream),
        transient=True,
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
