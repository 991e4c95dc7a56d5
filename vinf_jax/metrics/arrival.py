"""How a video passes from one scene to the next, as the judge reads it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from vinf_jax.media.judge import Reading
from vinf_jax.metrics.following import Scene

SOON = 4
"""Frames after a change within which the new scene should be there."""
LOOKS = ("colour", "shape", "background", "pattern")
"""Facts that single frames show."""


class Arrival(NamedTuple):
    """late: frames from a change of prompts until two frames in a row show all of the new one that
    a frame can show; all frames of the scene if none do. bleed: of the first second, the share of
    what differs between the prompts that is still the old one's, from 0 to 1."""

    late: int
    bleed: float


def arrivals(reading: Reading, scenes: Sequence[Scene]) -> list[Arrival]:
    """At every change of prompts; scenes lie frame to frame, without a cross-fade's gap."""
    return [
        Arrival(_late(reading, new), _bleed(reading, old, new)) for old, new in pairwise(scenes)
    ]


def _late(reading: Reading, scene: Scene) -> int:
    right = [
        all(getattr(reading, name)[n] == value for name, value in _said(scene))
        for n in range(*scene.range)
    ]
    both = (n for n, pair in enumerate(pairwise(right)) if all(pair))
    return next(both, len(right))


def _bleed(reading: Reading, old: Scene, new: Scene) -> float:
    stop = min(new.stop, new.start + max(1, round(reading.fps)))
    before, after = dict(_said(old)), dict(_said(new))
    apart = [name for name in before if after.get(name) not in (None, before[name])]
    seen = [
        getattr(reading, name)[n] == before[name] for name in apart for n in range(new.start, stop)
    ]
    return sum(seen) / len(seen) if seen else 0.0


def _said(scene: Scene) -> list[tuple[str, str]]:
    return [(name, value) for name in LOOKS if (value := getattr(scene.facts, name)) is not None]
