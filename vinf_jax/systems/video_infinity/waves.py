"""Waves: a video made in several calls, each of which also holds frames that are there already.

Plain numbers; no arrays of pixels and no devices. The plan depends on nothing else than its
arguments, so a job that is resumed anywhere makes the same calls.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np

from vinf_jax.nn.scenes import far_frames
from vinf_jax.parallel.timeline import spread as evenly


@dataclass(frozen=True)
class Wave:
    """The frames of one call, by number.

    numbers: rising. known: which of them are given to the call; it makes the others. afar: those
    that every frame sees, spread over the video as far as it goes.
    """

    numbers: tuple[int, ...]
    known: tuple[bool, ...]
    afar: tuple[int, ...] = ()

    @property
    def made(self) -> tuple[int, ...]:
        """The frames that the call makes."""
        return tuple(n for n, known in zip(self.numbers, self.known, strict=True) if not known)

    @property
    def held(self) -> tuple[int, ...]:
        """The frames that the call is given."""
        return tuple(n for n, known in zip(self.numbers, self.known, strict=True) if known)

    @property
    def gapless(self) -> bool:
        """The numbers rise by one."""
        return self.numbers[-1] - self.numbers[0] == len(self.numbers) - 1

    @property
    def plain(self) -> bool:
        """A whole video from nothing: no frame is known, and the scope finds its global frames."""
        positions = evenly(len(self.numbers), len(self.afar))
        return not any(self.known) and self.afar == tuple(self.numbers[p] for p in positions)


def plan_waves(
    frames: int,
    *,
    wave: int = 0,
    overlap: int = 0,
    spread: int = 0,
    cuts: Sequence[int] = (),
    given: Collection[int] = frozenset(),
) -> tuple[Wave, ...]:
    """The calls that make what is missing of `frames` frames, in rising order.

    A call makes the frames of one stretch of the video and holds, of those that are there by then
    (given, or made by the calls before): all at most `overlap` numbers from a frame that it makes;
    the global frames, `spread` in number, evenly spaced over what is there and what it makes, and
    preferably given ones; and in the place of global frames that are near anyway, the next nearest.
    Stretches are of even length, and a call is filled up to the size of the one before it with the
    nearest frames, so that most calls share one compiled step. One stretch and nothing given is the
    whole video in one call.

    Args:
        frames: of the video, numbers 0 to frames - 1.
        wave: the longest stretch, in frame numbers; 0 is no limit. A call holds at most
            wave + 2 overlap + spread frames.
        cuts: first frames of scenes, over which the global frames are shared out.
        given: numbers of frames that exist from the start.
    """
    given = np.array(sorted(given), int)
    there, waves = given, list[Wave]()
    for own in _stretches(np.setdiff1d(np.arange(frames), given), wave):
        both = np.insert(there, np.searchsorted(there, own), own)
        afar = _global(both, spread, cuts, given)
        least = len(waves[-1].numbers) - len(own) if waves else 0
        held = _held(own, there, afar, overlap, spread, least)
        numbers = np.union1d(own, held)
        known = np.isin(numbers, held)
        waves.append(Wave(*(tuple(part.tolist()) for part in (numbers, known, afar))))
        there = both
    return tuple(waves)


def length_troubles(wave: Any, overlap: Any) -> list[str]:
    """Why these are no lengths for waves, for people, or nothing. overlap: None leaves it open."""
    troubles = [
        f"{name}: {value!r}; give a whole number of frames, 0 or more"
        for name, value in [("wave", wave), ("overlap", overlap)]
        if value is not None and (not whole(value) or value < 0)
    ]
    if not troubles and overlap is not None and 0 < wave <= overlap:
        troubles.append(
            f"overlap: {overlap} frames, of waves of {wave}; give {wave - 1} at most, or a longer "
            "wave"
        )
    return troubles


def given_troubles(frames: int, given: Collection[int]) -> list[str]:
    """Why these frames cannot be given to a video, for people, or nothing."""
    wrong = [n for n in given if not whole(n) or not 0 <= n < frames]
    if wrong:
        some = ", ".join(map(repr, wrong[:5])) + (", ..." if len(wrong) > 5 else "")
        return [f"given: {some}, but the video's frames are 0 to {frames - 1}"]
    if len(set(given)) == frames:
        return [f"given: all {frames} frames, so there is nothing to make; leave out what is to be"]
    return []


def whole(value: Any) -> bool:
    """Whether this is a whole number; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _stretches(wanted: np.ndarray, wave: int) -> list[np.ndarray]:
    """Rising numbers in groups that span at most `wave` numbers each: as few as there can be, and
    as short as that many can be."""

    def cut(width: int) -> list[np.ndarray]:
        parts, first = [], 0
        while first < len(wanted):
            stop = int(np.searchsorted(wanted, wanted[first] + width))
            parts.append(wanted[first:stop])
            first = stop
        return parts

    span = int(wanted[-1] - wanted[0]) + 1
    most = min(wave or span, span)
    widths = range(1, most + 1)
    fewest = len(cut(most))
    return cut(widths[bisect_left(widths, -fewest, key=lambda width: -len(cut(width)))])


def _global(numbers: np.ndarray, spread: int, cuts: Sequence[int], given: np.ndarray) -> np.ndarray:
    """The first given one of each of `spread` equal parts (of every scene), or its first: a frame
    that a person gave is then seen from everywhere."""
    edges = [*far_frames(numbers, spread, cuts), len(numbers)]
    found = []
    for a, b in pairwise(edges):
        nearest = np.searchsorted(given, numbers[a])
        inside = nearest < len(given) and given[nearest] <= numbers[b - 1]
        found.append(given[nearest] if inside else numbers[a])
    return np.array(found, int)


def _held(
    own: np.ndarray, there: np.ndarray, afar: np.ndarray, overlap: int, spread: int, least: int
) -> np.ndarray:
    """Of the frames that are there, those that a call holds: at least `least`, if there are."""
    # those beyond so many others can be held only as global ones: nobody need look at them
    first, stop = np.searchsorted(there, [own[0] - overlap, own[-1] + overlap + 1])
    enough = max(stop - first + spread, least)
    around = there[max(0, first - enough) : stop + enough]
    there = np.union1d(around, afar[~np.isin(afar, own, assume_unique=True)])
    after = np.searchsorted(own, there)
    before = np.abs(there - own[np.maximum(after - 1, 0)])
    distance = np.minimum(before, np.abs(own[np.minimum(after, len(own) - 1)] - there))
    near = distance <= overlap
    count = min(max(near.sum() + spread, least), len(there))
    urgency = np.where(near, 0, np.where(np.isin(there, afar), 1, 1 + distance))
    return there[np.sort(np.argsort(urgency, kind="stable")[:count])]
