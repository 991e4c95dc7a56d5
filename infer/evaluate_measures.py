"""`evaluate measures`: seams, flicker, drift, motion, identity and prompts of long videos."""

import argparse
from pathlib import Path
from typing import Any

from .options import refuse
from .progress import Display
from .ruler import Ruler, add_distance, distance_troubles


def flags(to: argparse.ArgumentParser) -> None:
    """Of `evaluate measures`."""
    to.add_argument(
        "folder", type=Path, help="videos with the records that this project's programs leave"
    )
    add_distance(to)
    to.add_argument(
        "--against", metavar="METHOD", help="that the others are compared with (default: the first)"
    )


def measures(options: argparse.Namespace, troubles: list[str], display: Display) -> Any:
    """`evaluate measures`."""
    refuse([*troubles, *distance_troubles(options)])
    from .films import films
    from .long_measures import measured
    from .scoreboard import Board, rows_of_all

    found = films(options.folder)
    methods = list(dict.fromkeys(film.method for film in found))
    if options.against not in (None, *methods):
        raise ValueError(f"against: {options.against}, but there are {', '.join(methods)}")
    each, scored = [], []
    ruler = Ruler(options)
    for n, film in enumerate(found):
        display.stage("measure", n, len(found))
        frames, fps = film.read()
        record = measured(film, frames, fps, options.window)
        scored.append(ruler.scored(film, record, ruler.features(film, frames)))
        each.append({"file": str(film.path), "method": film.method} | record)
    display.stage("compare")
    board = Board(scored, options.against or methods[0], ruler.real(), options.seed)
    record = board.record() | {"distance": ruler.said(), "videos": each}
    from .report import Report

    head, body = rows_of_all(record)
    return Report(
        title=f"{len(found)} videos of {options.folder}",
        header=head,
        rows=body,
        record=record,
        notes=(ruler.said(),),
    )
