"""Batches of clips in an order that follows from the seed alone.

The n-th clip of a training run is the same on one host and on many, with any number of workers, in
a run that was resumed and in one that was not.
"""

import itertools
import logging
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

from vinf_jax.media.clips import Clips
from vinf_jax.media.draws import Drawn, Draws
from vinf_jax.media.footage import spoken
from vinf_jax.media.workers import PATIENCE, ordered

Position = dict[str, Any]
Told = Callable[[str, str], None]
_ATTEMPTS = 16  # clips that are tried for one place in a batch


def position(clips: Clips, seed: int, taken: int) -> Position:
    """The place behind the first `taken` clips (steps x batch), small and fit for JSON."""
    return {"clips": clips.digest, "seed": seed, "taken": taken}


def batches(
    clips: Clips,
    *,
    batch: int,
    seed: int,
    position: Position | None = None,
    workers: int = 0,
    rank: int = 0,
    ranks: int = 1,
    ahead: int = 2,
    patience: float = PATIENCE,
    told: Told | None = None,
) -> Generator[tuple[np.ndarray, Position]]:
    """Endless pairs (uint8 B F H W 3, position behind this batch).

    A clip that cannot be read gives its place to another, drawn from the seed and the place; where
    the data set refuses bad clips it is an error. Closing the generator stops the workers.

    Args:
      batch: clips in a batch, on all hosts together.
      seed: decides order and starts.
      position: where to go on: what came with the last batch that was used.
      workers: processes that read ahead; 0 reads here, when a batch is asked for.
      rank, ranks: which of how many hosts this is; it gets rows from rank x batch / ranks on.
      ahead: batches that are prepared at most.
      patience: seconds without news after which a worker is said to hang.
      told: called once with the name and the reason of every clip that turns out to be bad; these
        are logged unless it is given.

    Raises:
      ValueError: a batch that the hosts do not divide, a position in other data, no clip that can
        be read, or a worker that died or hangs, with the clip's name.
    """
    _check(clips, batch, seed, position, rank, ranks)
    draws = Draws(clips, seed, 1 if clips.refuse else _ATTEMPTS)
    taken, rows = position["taken"] if position else 0, batch // ranks
    places = (
        first + rank * rows + row for first in itertools.count(taken, batch) for row in range(rows)
    )
    drawn = ordered(draws, places, workers=workers, ahead=ahead * rows, patience=patience)
    return _stacked(draws, drawn, batch, rows, taken, told)


def once(
    clips: Clips,
    *,
    batch: int,
    seed: int,
    workers: int = 0,
    patience: float = PATIENCE,
    told: Told | None = None,
    epochs: int = 1,
) -> Generator[tuple[np.ndarray, list[str]]]:
    """Pairs (uint8 B F H W 3, names) over the whole data set, one clip of every video an epoch.

    In the order and with the starts of the first epochs of `batches`. Clips that cannot be read are
    left out, or are an error where the data set refuses them; the last batch may be smaller.
    """
    _check(clips, batch, seed, None, 0, 1)
    draws = Draws(clips, seed)
    places = range(epochs * len(clips))
    drawn = ordered(draws, places, workers=workers, ahead=2 * batch, patience=patience)
    return _gathered(_good(clips, drawn, _Told(told)), batch)


def _stacked(
    draws: Draws, drawn: Iterator[Drawn], batch: int, rows: int, taken: int, told: Told | None
) -> Generator[tuple[np.ndarray, Position]]:
    tell = _Told(told)
    clips = draws.clips
    for behind in itertools.count(taken + batch, batch):
        out = np.empty((rows, clips.frames, clips.size, clips.size, 3), np.uint8)
        for row, each in zip(out, drawn, strict=False):
            tell(each)
            if each.pictures is None:
                raise ValueError(f"no clip can be read: {spoken(each.troubles)}")
            row[:] = each.pictures
        yield out, position(clips, draws.seed, behind)


def _good(clips: Clips, drawn: Iterator[Drawn], tell: "_Told") -> Iterator[Drawn]:
    for each in drawn:
        tell(each)
        if each.pictures is not None:
            yield each
        elif clips.refuse:
            raise ValueError(f"a clip cannot be read: {spoken(each.troubles)}")


def _gathered(drawn: Iterator[Drawn], batch: int) -> Generator[tuple[np.ndarray, list[str]]]:
    while rows := list(itertools.islice(drawn, batch)):
        pictures = [row.pictures for row in rows if row.pictures is not None]
        yield np.stack(pictures), [row.name for row in rows]


class _Told:
    """Passes on every bad clip once."""

    def __init__(self, told: Told | None) -> None:
        self._told, self._names = told or _log, set()

    def __call__(self, drawn: Drawn) -> None:
        for name, reason in drawn.troubles.items():
            if name not in self._names:
                self._names.add(name)
                self._told(name, reason)


def _log(name: str, reason: str) -> None:
    logging.getLogger(__name__).warning("clip %s is passed over: %s", name, reason)


def _check(
    clips: Clips, batch: int, seed: int, position: Position | None, rank: int, ranks: int
) -> None:
    troubles = []
    if batch < 1 or ranks < 1 or batch % max(ranks, 1):
        troubles.append(f"batch is {batch}; it must be a multiple of the {ranks} hosts")
    if not 0 <= rank < ranks:
        troubles.append(f"rank is {rank}; it must be from 0 to {ranks - 1}")
    if seed < 0:
        troubles.append(f"seed is {seed}; it must be 0 or more")
    if position and position["seed"] != seed:
        troubles.append(f"seed is {seed}, but the position to go on from has {position['seed']}")
    if position and position["clips"] != clips.digest:
        troubles.append(
            "the data set is not the one of the position to go on from: its files, their lengths, "
            "or the frames of a clip are others"
        )
    if troubles:
        raise ValueError("clips cannot be loaded: " + "; ".join(troubles))
