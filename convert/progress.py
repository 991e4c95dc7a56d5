"""How far a copy has come: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any, Self

EVERY = 10.0
"""Seconds between lines where there is no terminal."""


class Bar:
    """Counts bytes; call it with the name and bytes of every array, or `told` with the array.

    `with Bar("import", bytes) as bar: store.save(..., on_array=bar)`
    """

    def __init__(self, title: str, total: int, stream: Any = None) -> None:
        self._title, self._total, self._stream = title, total, stream or sys.stderr
        self._done, self._said, self._bar = 0, time.monotonic(), None

    def __enter__(self) -> Self:
        if self._stream.isatty():
            self._bar = _bar(self._stream)
            self._task = self._bar.add_task(self._title, total=self._total, note="")
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def told(self, name: str, x: Any) -> None:
        """The same, for who has the array."""
        self(name, x.nbytes)

    def __call__(self, name: str, size: int) -> None:
        self._done += size
        if self._bar:
            self._bar.update(self._task, completed=self._done, note=name)
        elif time.monotonic() - self._said >= EVERY:
            self._said = time.monotonic()
            share = f"{self._done / 1e9:.2f} of {self._total / 1e9:.2f} GB"
            print(f"{self._title}: {share}, {name}", file=self._stream, flush=True)


def _bar(stream: Any) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(file=stream),
        transient=True,
    )
