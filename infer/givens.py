"""Frames that a person brings: a start image, an end image, pictures and videos at any place."""

import argparse
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .record import digest


class Given(NamedTuple):
    """Frames start .. stop - 1 are those of a file. stop: None where the file's length decides."""

    flag: str
    start: int
    stop: int | None
    path: Path


def add_givens(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("given frames")
    group.add_argument("--first-image", type=Path, metavar="FILE", help="a picture as frame 0")
    group.add_argument("--last-image", type=Path, metavar="FILE", help="as the last frame")
    group.add_argument(
        "--given",
        nargs="+",
        default=[],
        metavar="FRAMES=FILE",
        help="frames that are there already, and the rest is made: 40=PICTURE, 40:60=VIDEO "
        "(its first 20 frames), 40:=VIDEO (all of it)",
    )


def asked(options: argparse.Namespace, frames: int) -> tuple[list[str], list[Given]]:
    """(what is wrong, the given frames in order) of the flags, for a video of so many frames."""
    troubles, found = [], []
    if options.first_image:
        found.append(Given("first-image", 0, 1, options.first_image))
    if options.last_image:
        found.append(Given("last-image", frames - 1, frames, options.last_image))
    for text in options.given:
        place, _, file = text.partition("=")
        match = re.fullmatch(r"(\d+)(:(\d*))?", place)
        if not match or not file:
            troubles.append(
                f"given: {text!r} does not say frames and a file; write 40=PICTURE or 40:60=VIDEO"
            )
            continue
        start = int(match[1])
        stop = start + 1 if match[2] is None else int(match[3]) if match[3] else None
        found.append(Given("given", start, stop, Path(file)))
    return troubles, found


def stretches(givens: Sequence[Given], frames: int, fps: float, height: int, width: int) -> Any:
    """(what is wrong, `Stretch`es in order) of the given frames."""
    from vinf_jax.media.material import material
    from vinf_jax.systems.video_infinity.pieces import Stretch

    troubles, found = [], []
    for given in givens:
        try:
            source = material(given.path, fps, height, width)
        except ValueError as error:
            troubles.append(f"{given.flag}: {error}")
            continue
        stop = min(given.start + source.frames, frames) if given.stop is None else given.stop
        stretch = Stretch(given.start, stop, source)
        troubles += [f"{given.flag}: {line}" for line in _troubles(stretch, frames)]
        found.append(stretch)
    found.sort(key=lambda stretch: stretch.start)
    for one, other in itertools.pairwise(found):
        if other.start < one.stop:
            troubles.append(
                f"given: frame {other.start} is given twice, by {one.material.path} and "
                f"{other.material.path}"
            )
    return troubles, found


def described(parts: Sequence[Any]) -> list[dict[str, Any]]:
    """Stretches for a job's manifest: their frames, and what their files hold."""
    return [
        {
            "start": part.start,
            "stop": part.stop,
            "first": part.first,
            "sha256": digest(part.material.path),
        }
        for part in parts
    ]


def _troubles(stretch: Any, frames: int) -> list[str]:
    start, stop, source = stretch.start, stretch.stop, stretch.material
    if not start < stop <= frames:
        return [f"frames {start} to {stop - 1}, but the video has 0 to {frames - 1}"]
    if stop - start > source.frames:
        return [
            f"frames {start} to {stop - 1} are {stop - start}, but {source.path} has "
            f"{source.frames} at this rate"
        ]
    return []
