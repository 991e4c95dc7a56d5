"""What a measure of `evaluate` finds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_ENDLESS = 10_000
"""Columns of a file, in which nothing is cut off."""


@dataclass(frozen=True)
class Report:
    """A table for people, the same and more for JSON, and a contact sheet.

    reached: whether all that is wanted was reached; None where nothing is.
    """

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    record: dict[str, Any]
    picture: np.ndarray | None = None
    reached: bool | None = None
    notes: tuple[str, ...] = field(default=())

    def show(self) -> None:
        """Prints the table and the notes."""
        from rich.console import Console
        from rich.table import Table

        table = Table(title=self.title, title_justify="left")
        for n, name in enumerate(self.header):
            table.add_column(name, justify="right" if n else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        console = Console()
        if not console.is_terminal:
            console = Console(width=_ENDLESS)
        console.print(table)
        for note in self.notes:
            console.print(note)
