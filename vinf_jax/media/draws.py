"""Which clip stands where in the order of a training run, from the seed alone."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vinf_jax.media.clips import Clips
from vinf_jax.media.footage import BadClip

_ORDER, _START, _OTHER = range(3)  # what random numbers are for


class Drawn(NamedTuple):
    """The clip in one place: its name, uint8 F H W 3 or None, and the bad ones that were met."""

    name: str
    pictures: np.ndarray | None
    troubles: dict[str, str]


@dataclasses.dataclass(frozen=True, eq=False)
class Draws:
    """Place n = 0, 1, ... of an endless order, a new permutation of the videos in every epoch.

    A video that cannot be read gives its place to another, up to `attempts` altogether.
    """

    clips: Clips
    seed: int
    attempts: int = 1

    def __call__(self, place: int, at: Callable[[int], None]) -> Drawn:
        index, troubles = self.index(place), {}
        for attempt in range(self.attempts):
            if attempt:
                index = self._random(len(self.clips), _OTHER, place, attempt)
            at(index)
            start = self._random(self.clips.starts(index), _START, place, attempt)
            try:
                return Drawn(self.named(index), self.clips.clip(index, start), troubles)
            except BadClip as error:
                troubles[self.named(index)] = str(error)
        return Drawn(self.named(index), None, troubles)

    def index(self, place: int) -> int:
        """The video whose place it is, if it can be read."""
        epoch, turn = divmod(place, len(self.clips))
        return int(_permutation(self.seed, epoch, len(self.clips))[turn])

    def named(self, number: int) -> str:
        """The name of a video by its index."""
        return self.clips.names[number]

    def _random(self, below: int, *what: int) -> int:
        return int(np.random.default_rng((self.seed, *what)).integers(below))


@functools.lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng((seed, _ORDER, epoch)).permutation(count)
