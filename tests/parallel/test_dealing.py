"""Frames dealt out in pieces before they are gathered."""

import numpy as np
import pytest

from tests.parallel.clips import simulated
from tests.tolerances import EXACT
from vinf_jax.parallel.dealing import _deal, deal
from vinf_jax.parallel.timeline import spread


def owners(clips, length=24, kept=16):
    return tuple(p // length for p in spread(clips * length, kept))


def played(way):
    """What every clip has gathered: (frame, piece) in order, by moving labels about."""
    clips, pieces = len(way.keeps), way.pieces
    own = [
        [(k, j) for k, c in enumerate(way.owners) if c == clip for j in range(pieces)]
        for clip in range(clips)
    ]
    own = [labels + [None] * (way.most * pieces - len(labels)) for labels in own]
    held = [list(labels) for labels in own]
    for distance, rows in way.sends.items():
        for clip in range(clips):
            sender = (clip - distance) % clips
            held[clip] += [own[sender][place] for place in rows[sender]]
    shares = [[held[clip][place] for place in way.keeps[clip]] for clip in range(clips)]
    return [label for share in shares for label in share][: len(way.owners) * pieces]


@pytest.mark.parametrize("clips", [2, 3, 5, 7, 12, 16, 17, 31, 64])
@pytest.mark.parametrize("pieces", [1, 2, 3, 5])
def test_every_piece_arrives_in_its_place(clips, pieces):
    way = _deal(owners(clips), clips, pieces)
    assert played(way) == [(k, j) for k in range(16) for j in range(pieces)]


@pytest.mark.parametrize("clips", [*range(2, 20), 23, 24, 31, 32, 33, 48, 63, 64, 100])
def test_no_clip_receives_much_more_than_is_kept(clips):
    """However many clips: at most a quarter more than the 16 frames that all keep."""
    found = owners(clips)
    way = deal(found, clips)
    alone = (clips - 1) * max(map(found.count, found))
    assert (alone if way is None else way.received) <= 1.25 * 16


def test_even_clips_and_unsorted_frames_are_only_gathered():
    assert deal(owners(8), 8) is None
    assert deal((1, 0), 40) is None


@pytest.mark.parametrize("frames, clips, kept", [(18, 6, 2), (8, 8, 3), (13, 7, 3)])
def test_dealt_frames_are_the_frames(frames, clips, kept):
    length = -(-frames // clips)
    assert deal(tuple(p // length for p in spread(frames, kept)), clips)
    x = np.random.default_rng(0).standard_normal((2, frames, 3, 5)).astype(np.float32)
    out = simulated(lambda line, part: line.sample(part, kept), x, clips)
    assert np.abs(out - x[None, :, spread(frames, kept)]).max() == EXACT
