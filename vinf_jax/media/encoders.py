"""Videos that are encoded in threads of their own, while the frames of the next ones are made."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Semaphore

import numpy as np

from vinf_jax.media.video import VideoWriter

AT_ONCE = 4
"""Videos that are encoded at the same time, at most; each by one thread, so that equal frames make
equal files."""
WAITING = 8
"""Arrays of frames that are made and that no encoder has taken up yet, at most."""


class Abandoned(Exception):
    """The frames of a video ended before it did."""


Handed = SimpleQueue[np.ndarray | Abandoned | None]


def write_all(videos: Iterable[tuple[VideoWriter, Iterable[np.ndarray]]]) -> None:
    """Writes videos. Their frames are made here, one array and one video after the other, while the
    arrays before are encoded.

    Raises:
        Whatever the making of frames or a writer raises, when all threads are done: videos whose
        frames were all made are there, others leave nothing behind.
    """
    room, ends = Semaphore(WAITING), list[Future[None]]()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for video, frames in videos:
            handed: Handed = SimpleQueue()
            ends.append(threads.submit(_write, video, handed, room))
            _hand_on(frames, handed, room)
            if any(end.done() and end.exception() for end in ends):
                break
    for end in ends:
        end.result()


def _hand_on(frames: Iterable[np.ndarray], handed: Handed, room: Semaphore) -> None:
    try:
        for part in frames:
            room.acquire()
            handed.put(part)
    except BaseException:
        handed.put(Abandoned())
        raise
    finally:
        handed.put(None)


def _write(video: VideoWriter, handed: Handed, room: Semaphore) -> None:
    """Takes up all that is handed on, also after a failure: who makes frames must not wait for room
    for ever."""
    parts = _taken(handed, room)
    try:
        with video:
            for part in parts:
                if isinstance(part, Abandoned):
                    raise part
                video.write(part)
    finally:
        for _ in parts:
            pass


def _taken(handed: Handed, room: Semaphore) -> Iterator[np.ndarray | Abandoned]:
    while (part := handed.get()) is not None:
        room.release()
        yield part
