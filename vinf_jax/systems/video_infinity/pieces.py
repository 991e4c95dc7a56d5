"""Which frames of a video come from where: made, of another job, or brought by a person."""

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vinf_jax.media.material import Material

AT_ONCE = 16
"""Given frames that are read at once."""

Span = tuple[int, int]


@dataclass(frozen=True)
class Stretch:
    """Frames start .. stop - 1 of the video are those of a picture or video, from its frame `first`
    on."""

    start: int
    stop: int
    material: Material
    first: int = 0

    def pixels(self, start: int, stop: int) -> np.ndarray:
        """Frames start .. stop - 1 of the video, uint8 (n, H, W, 3).

        Raises:
            ValueError: they cannot be read.
        """
        return self.material.read(self.first + start - self.start, stop - start)


@dataclass(frozen=True)
class Piece:
    """A segment to be: its frames, and where they come from: the number of a wave, a stretch, or
    None, which is the job that this one grew out of."""

    span: Span
    wave: int | None = None
    stretch: Stretch | None = None


def pieces(
    frames: int,
    made: Iterable[Sequence[int]],
    stretches: Sequence[Stretch],
    length: int,
    cuts: Collection[int] = (),
) -> list[Piece]:
    """The pieces of a video of `frames` frames, in order: of one origin each, at most `length` long
    (cut at multiples of it) and cut at `cuts` too.

    made: the numbers of the frames that each wave makes.
    """
    origin = np.full(frames, -1)
    made = list(made)
    for wave, numbers in enumerate(made):
        origin[list(numbers)] = wave
    for n, stretch in enumerate(stretches):
        origin[stretch.start : stretch.stop] = len(made) + n
    changes = (np.flatnonzero(np.diff(origin)) + 1).tolist()
    edges = sorted({0, frames, *changes, *range(0, frames, length), *cuts} & set(range(frames + 1)))
    found = []
    for span in itertools.pairwise(edges):
        place = int(origin[span[0]])
        if place >= len(made):
            found.append(Piece(span, stretch=stretches[place - len(made)]))
        else:
            found.append(Piece(span, wave=place if place >= 0 else None))
    return found


def blocks(start: int, stop: int, length: int) -> list[Span]:
    """start .. stop - 1 in parts of at most `length`."""
    return [(first, min(first + length, stop)) for first in range(start, stop, length)]
