"""Videos encoded side by side: at the same time, whole or not at all."""

import errno
import threading

import numpy as np
import pytest

from vinf_jax.media.encoders import AT_ONCE, WAITING, write_all
from vinf_jax.media.video import VideoWriter

PATIENCE = 60
"""Seconds after which what never happens is a failure."""


class Watched(VideoWriter):
    """A writer that says what it is told to."""

    def __init__(self, write=lambda part: None, enter=lambda: None):
        self.write, self._enter, self.error = write, enter, None

    def __enter__(self):
        self._enter()

    def __exit__(self, kind, *_):
        self.error = kind


def parts(n):
    return [np.full((2, 16, 16, 3), 10 * n + k, np.uint8) for k in range(3)]


def test_the_next_frames_are_made_while_some_are_encoded():
    made = threading.Event()

    def frames():
        yield np.array(0)
        made.set()
        yield np.array(1)

    def write(part):
        assert made.wait(PATIENCE)

    write_all([(Watched(write), frames())])


def test_several_videos_are_encoded_at_the_same_time():
    meeting = threading.Barrier(AT_ONCE, timeout=PATIENCE)
    write_all([(Watched(lambda part: meeting.wait()), [np.array(n)]) for n in range(2 * AT_ONCE)])


def test_no_more_arrays_wait_than_there_is_room_for():
    full, made = threading.Event(), []

    def frames():
        for n in range(WAITING + 5):
            made.append(n)
            if n == WAITING:
                full.set()
            yield np.array(n)

    def write(part):
        if part == 0:
            assert full.wait(PATIENCE)
        assert len(made) <= part + 1 + WAITING + 1

    write_all([(Watched(write), frames())])
    assert len(made) == WAITING + 5


def test_files_are_those_of_one_writer_after_the_other(tmp_path):
    def path(way, n):
        return tmp_path / f"{way}-{n}.mp4"

    writers = [VideoWriter(path("many", n), 8, 16, 16) for n in range(6)]
    write_all((writer, parts(n)) for n, writer in enumerate(writers))
    for n in range(6):
        with VideoWriter(path("one", n), 8, 16, 16) as video:
            video.write(np.concatenate(parts(n)))
        assert path("many", n).read_bytes() == path("one", n).read_bytes()


def test_an_encoder_that_fails_is_said_and_nothing_waits_for_it():
    def full(part):
        raise OSError(errno.ENOSPC, "No space left on device")

    videos = [Watched(write) for write in (lambda part: None, full, lambda part: None)]
    with pytest.raises(OSError, match="No space left"):
        write_all((video, map(np.array, range(3 * WAITING))) for video in videos)
    assert videos[1].error is OSError


def test_a_writer_that_cannot_begin_is_said_too():
    def gone():
        raise FileNotFoundError("gone")

    with pytest.raises(FileNotFoundError, match="gone"):
        write_all([(Watched(enter=gone), map(np.array, range(3 * WAITING)))])


def test_frames_that_break_off_leave_nothing_behind(tmp_path):
    def frames():
        yield parts(0)[0]
        raise KeyboardInterrupt

    whole = VideoWriter(tmp_path / "a.mp4", 8, 16, 16), parts(1)
    with pytest.raises(KeyboardInterrupt):
        write_all([whole, (VideoWriter(tmp_path / "b.mp4", 8, 16, 16), frames())])
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
