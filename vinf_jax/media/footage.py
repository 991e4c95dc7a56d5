"""What is known of a clip's file before it is read, and how a bad one is spoken of."""

import dataclasses
import itertools
from collections.abc import Mapping


class BadClip(ValueError):
    """A clip that cannot be used; the message is the reason, without the clip's name."""


@dataclasses.dataclass(frozen=True)
class Footage:
    """What looking through a file once tells.

    Attributes:
      frames: how many there are.
      height, width: of the first, in pixels.
      stamps: when each frame is shown, in the file's own ticks; empty where that is unknown, and
        then the file is read from its beginning.
    """

    frames: int
    height: int
    width: int
    stamps: range | tuple[int, ...] = ()

    def to_json(self) -> dict:
        """Numbers and lists; even steps of time as [first, stop, step]."""
        even = isinstance(self.stamps, range)
        stamps = [self.stamps.start, self.stamps.stop, self.stamps.step] if even else self.stamps
        return dataclasses.asdict(self) | {"stamps": list(stamps), "even": even}

    @classmethod
    def from_json(cls, said: Mapping) -> "Footage":
        """The inverse of `to_json`."""
        stamps = said["stamps"]
        stamps = range(*stamps) if said["even"] else tuple(stamps)
        return cls(said["frames"], said["height"], said["width"], stamps)


def evenly(stamps: list[int]) -> range | tuple[int, ...]:
    """Sorted, different times; as a range where their distances are all the same."""
    steps = {after - before for before, after in itertools.pairwise(stamps)}
    if len(steps) != 1:
        return tuple(stamps)
    step = steps.pop()
    return range(stamps[0], stamps[-1] + step, step)


def spoken(troubles: Mapping[str, str], most: int = 20) -> str:
    """The names of bad clips with their reasons, the first `most` of them."""
    said = [f"{name}: {reason}" for name, reason in itertools.islice(troubles.items(), most)]
    rest = len(troubles) - len(said)
    return "; ".join([*said, f"and {rest} more"] if rest else said)
