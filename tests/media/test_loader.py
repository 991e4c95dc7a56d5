import dataclasses
import itertools
import json
import logging

import numpy as np
import pytest

from tests.media.tiny_footage import write_pictures, write_video
from vinf_jax.media.clips import Clips, open_clips
from vinf_jax.media.footage import BadClip
from vinf_jax.media.loader import batches, once, position


@dataclasses.dataclass(frozen=True)
class Numbered:
    """Frames that say which video and which frame they are; some videos are bad."""

    bad: tuple[int, ...] = ()

    def __call__(self, number, start, count):
        if number in self.bad:
            raise BadClip("is broken")
        frames = np.zeros((count, 1, 1, 3), np.uint8)
        frames[..., 0], frames[..., 1] = number, np.arange(start, start + count)[:, None, None]
        return frames


def numbered(count=7, bad=(), refuse=False):
    names = tuple(f"{n}.avi" for n in range(count))
    lengths = tuple(10 + n for n in range(count))
    return Clips("videos", "all", names, lengths, 4, 1, 4, {}, refuse, Numbered(bad))


def taken(loader, count):
    return [clips for clips, _ in itertools.islice(loader, count)]


def shown(clips):
    """(video, first frame) of every clip."""
    return [(int(clip[0, 0, 0, 0]), int(clip[0, 0, 0, 1])) for clip in clips]


def test_an_epoch_is_every_video_once_in_another_order():
    order = shown(np.concatenate(taken(batches(numbered(), batch=3, seed=5), 14)))
    epochs = [[video for video, _ in order[n : n + 7]] for n in range(0, 42, 7)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 3
    starts = {start for video, start in order if video == 6}
    assert starts <= set(range(13)) and len(starts) > 3
    assert order != shown(np.concatenate(taken(batches(numbered(), batch=3, seed=6), 14)))


def test_clips_are_consecutive_and_reach_every_start():
    clips = np.concatenate(taken(batches(numbered(1), batch=200, seed=0), 1))
    assert (np.diff(clips[:, :, 0, 0, 1].astype(int), axis=1) == 1).all()
    assert {start for _, start in shown(clips)} == set(range(7))


def test_resuming_equals_going_on():
    pairs = list(itertools.islice(batches(numbered(), batch=3, seed=5), 9))
    for done in (1, 4, 7):
        where = json.loads(json.dumps(pairs[done - 1][1]))
        assert where == position(numbered(), 5, 3 * done)
        resumed = batches(numbered(), batch=3, seed=5, position=where)
        for (a, _), (b, _) in zip(pairs[done:], resumed, strict=False):
            assert (a == b).all()


def test_hosts_share_one_batch():
    whole = taken(batches(numbered(), batch=6, seed=5), 5)
    for ranks in (2, 3):
        hosts = (batches(numbered(), batch=6, seed=5, rank=r, ranks=ranks) for r in range(ranks))
        parts = zip(*(taken(host, 5) for host in hosts), strict=True)
        assert all((np.concatenate(part) == a).all() for part, a in zip(parts, whole, strict=True))


def test_a_bad_clip_gives_its_place_to_another_and_is_told_once():
    told = []
    good = taken(batches(numbered(), batch=7, seed=5), 8)
    ask = {"batch": 7, "seed": 5, "told": lambda *said: told.append(said)}
    loader = batches(numbered(bad=(1, 4)), **ask)
    mended = taken(loader, 8)
    assert sorted(told) == [("1.avi", "is broken"), ("4.avi", "is broken")]
    a, b = shown(np.concatenate(good)), shown(np.concatenate(mended))
    assert all(
        x == y if x[0] not in (1, 4) else y[0] not in (1, 4) for x, y in zip(a, b, strict=True)
    )
    where = position(numbered(), 5, 7 * 3)
    again = batches(numbered(bad=(1, 4)), position=where, **ask)
    assert (taken(again, 5)[-1] == mended[-1]).all()


def test_bad_clips_are_logged_unless_somebody_listens(caplog):
    with caplog.at_level(logging.WARNING):
        taken(batches(numbered(bad=(3,)), batch=7, seed=0), 4)
    assert [line.getMessage() for line in caplog.records] == [
        "clip 3.avi is passed over: is broken"
    ]


def test_bad_clips_are_refused_where_nothing_else_is_left():
    with pytest.raises(ValueError, match=r"no clip can be read: 2\.avi: is broken$"):
        taken(batches(numbered(bad=(2,), refuse=True), batch=7, seed=0), 1)
    with pytest.raises(ValueError, match=r"no clip can be read: .*0\.avi: is broken"):
        taken(batches(numbered(bad=tuple(range(7))), batch=7, seed=0, told=lambda *_: None), 1)


def test_once_is_the_first_epoch_without_the_bad():
    epoch = taken(batches(numbered(), batch=7, seed=5), 1)[0]
    assert [len(clips) for clips, _ in once(numbered(), batch=3, seed=5)] == [3, 3, 1]
    pairs = list(once(numbered(bad=(3,)), batch=4, seed=5, told=lambda *_: None))
    clips, names = np.concatenate([x for x, _ in pairs]), [n for _, names in pairs for n in names]
    assert (clips == epoch[[video != 3 for video, _ in shown(epoch)]]).all()
    assert names == [f"{video}.avi" for video, _ in shown(clips)]
    with pytest.raises(ValueError, match=r"3\.avi: is broken"):
        list(once(numbered(bad=(3,), refuse=True), batch=4, seed=5))


def test_further_epochs_are_those_of_a_run():
    pairs = list(once(numbered(), batch=7, seed=5, epochs=3))
    run = taken(batches(numbered(), batch=7, seed=5), 3)
    assert all((clips == wanted).all() for (clips, _), wanted in zip(pairs, run, strict=True))


def test_what_does_not_fit_is_refused_before_anything_is_read():
    where = position(numbered(6), 4, 12)
    with pytest.raises(ValueError) as error:
        batches(numbered(), batch=3, seed=-1, rank=2, ranks=2, position=where)
    for part in ("multiple of the 2 hosts", "rank is 2", "seed is -1", "has 4", "data set is not"):
        assert part in str(error.value)


def test_workers_change_nothing(tmp_path):
    for n in range(3):
        write_video(tmp_path / f"{n}.avi", 20 + n, seed=n)
    clips = open_clips("videos", tmp_path, frames=4, size=16, split="all")
    (tmp_path / "2.avi").write_text("broken since it was opened")
    told = {}
    alone = taken(batches(clips, batch=2, seed=1, told=lambda *_: None), 6)
    loader = batches(clips, batch=2, seed=1, workers=2, told=told.__setitem__)
    assert all((a == b).all() for a, b in zip(alone, taken(loader, 6), strict=True))
    loader.close()
    assert told == {"2.avi": "cannot be decoded: Invalid data found when processing input"}


def test_a_folder_of_pictures_loads(tmp_path):
    write_pictures(tmp_path / "a", 5)
    clips = open_clips("frames", tmp_path, frames=4, size=16, split="all")
    assert taken(batches(clips, batch=2, seed=0), 1)[0].shape == (2, 4, 16, 16, 3)
