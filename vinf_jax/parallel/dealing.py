"""A few frames that some clips own, sent to all: where clips own unequal numbers of them, pieces of
frames are dealt out first, so that the gather brings little that nobody wants.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

MOST_PIECES = 16
ENOUGH = 1.25
"""Dealing is worth its messages where the gather alone would bring more than so many times as
much."""


@dataclass(frozen=True)
class Deal:
    """How `owners[k]`, the clip that owns frame k, sends it to all of `clips`.

    owners: rising. Every frame is cut into `pieces`; piece p of all of them in order is gathered
    from clip p // share, in place p % share. sends: by distance, for each clip the pieces of its
    own frames, counted from its first one, that it hands to the clip so far ahead. keeps: for each
    clip, where each of its `share` pieces lies among its own and, behind these, what the sends
    brought in their order. most: frames of the fullest clip.
    """

    owners: tuple[int, ...]
    pieces: int
    share: int
    most: int
    sends: dict[int, list[list[int]]]
    keeps: list[list[int]]

    @property
    def received(self) -> float:
        """Frames that a clip receives."""
        handed = sum(len(rows[0]) for rows in self.sends.values())
        return ((len(self.keeps) - 1) * self.share + handed) / self.pieces


@lru_cache
def deal(owners: tuple[int, ...], clips: int) -> Deal | None:
    """The deal by which a clip receives least, or None where it is not worth its messages, or where
    the owners do not rise."""
    if any(a > b for a, b in pairwise(owners)):
        return None
    most = max(map(owners.count, owners))
    alone = (clips - 1) * most
    best = min(
        (_deal(owners, clips, pieces) for pieces in range(1, MOST_PIECES + 1)),
        key=lambda way: (way.received, len(way.sends)),
    )
    return best if alone > ENOUGH * best.received else None


def _deal(owners: tuple[int, ...], clips: int, pieces: int) -> Deal:
    share = -(-len(owners) * pieces // clips)
    most = max(map(owners.count, owners))
    sends: dict[int, list[list[int]]] = {}
    places = list[tuple[int, int]]()  # of every piece: the distance it comes from, its place there
    for piece in range(len(owners) * pieces):
        owner, taker = owners[piece // pieces], piece // share
        place = piece - owners.index(owner) * pieces
        if taker != owner:
            row = sends.setdefault(taker - owner, [[] for _ in range(clips)])[owner]
            row.append(place)
            place = len(row) - 1
        places.append((taker - owner, place))
    sends = {distance: filled_up(rows) for distance, rows in sorted(sends.items())}
    start, behind = {0: 0}, most * pieces
    for distance, rows in sends.items():
        start[distance] = behind
        behind += len(rows[0])
    keeps: list[list[int]] = [[] for _ in range(clips)]
    for piece, (distance, place) in enumerate(places):
        keeps[piece // share].append(start[distance] + place)
    return Deal(owners, pieces, share, most, sends, filled_up(keeps, share))


def filled_up(rows: list[list[int]], width: int = 0) -> list[list[int]]:
    """Rows of one length, with zeros behind the shorter ones."""
    width = max(width, *map(len, rows))
    return [row + [0] * (width - len(row)) for row in rows]
