"""A job's segments: written, taken over from another job, joined."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from vinf_jax.media.encoders import write_all
from vinf_jax.media.segments import join
from vinf_jax.media.video import VideoWriter
from vinf_jax.systems.video_infinity.job import PREVIEW, Job, segment_name
from vinf_jax.systems.video_infinity.making import Making, Told
from vinf_jax.systems.video_infinity.pieces import AT_ONCE, Piece, blocks

Count = Callable[[str, int, int], object]
"""Told the stage, and how many of how many are done: frames in "given" and "write", segments in
"join"."""


class Showing:
    """The segments of a job's pieces. source: the job that pieces of no other origin come from."""

    def __init__(
        self, job: Job, making: Making, pieces: Sequence[Piece], source: Job | None
    ) -> None:
        self._job, self._making, self._pieces, self._source = job, making, pieces, source

    def missing(self, wave: int | None) -> list[Piece]:
        """The pieces of a wave, or of all given frames, whose segment is not there."""
        mine = (piece for piece in self._pieces if piece.wave == wave)
        return [piece for piece in mine if not self._job.has(segment_name(piece.span))]

    def write(self, pieces: Sequence[Piece], on_step: Told, on_count: Count) -> list[str]:
        """The segments of pieces, encoded while the next frames are decoded; their paths in the
        folder."""
        fresh = [piece for piece in pieces if not self._taken_over(piece)]
        write_all((self._video(p), self._counted(p, on_step, on_count)) for p in fresh)
        return [segment_name(piece.span) for piece in pieces]

    def preview(self) -> None:
        """The first frames of the video, as far as there is no gap."""
        parts, stop = [], 0
        for piece in self._pieces:
            if piece.span[0] != stop or not self._job.has(segment_name(piece.span)):
                break
            parts.append(self._job.segment(piece.span))
            stop = piece.span[1]
        if parts:
            join(parts, self._job.folder / PREVIEW, self._making.request.fps, overwrite=True)

    def save(self, path: str | Path, overwrite: bool) -> None:
        """The whole video; the preview is over with it."""
        parts = [self._job.segment(piece.span) for piece in self._pieces]
        join(parts, path, self._making.request.fps, overwrite=overwrite)
        (self._job.folder / PREVIEW).unlink(missing_ok=True)

    def _video(self, piece: Piece) -> VideoWriter:
        path, wish = self._job.segment(piece.span), self._making.request
        how = {"scale": self._job.asked["scale"], "overwrite": True}
        return VideoWriter(path, wish.fps, wish.height, wish.width, **how)

    def _counted(self, piece: Piece, on_step: Told, on_count: Count) -> Iterator[np.ndarray]:
        """The frames of a piece, some at a time."""
        done = piece.span[0]
        for pixels in self._pixels(piece, on_step):
            on_count("write", done, self._making.request.frames)
            yield pixels
            done += len(pixels)

    def _taken_over(self, piece: Piece) -> bool:
        """Whether a segment is one of the source's, which then serves both."""
        if piece.wave is not None or piece.stretch or not self._source:
            return False
        if piece.span not in self._source.spans() or not _alike(self._source, self._job):
            return False
        same(self._source.segment(piece.span), self._job.segment(piece.span))
        return True

    def _pixels(self, piece: Piece, on_step: Told) -> Iterator[np.ndarray]:
        start, stop = piece.span
        if piece.stretch is None:
            latents = self._job.frames()(range(start, stop))
            yield from self._making.decode(latents, on_step=on_step, index=piece.wave or 0)
            return
        for first, last in blocks(start, stop, AT_ONCE):
            yield piece.stretch.pixels(first, last)


def same(source: Path, target: Path) -> None:
    """The file at another place too: the same one where the file system can, else a copy. Files of
    jobs are never changed, only replaced."""
    target.parent.mkdir(exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _alike(one: Job, other: Job) -> bool:
    """Whether segments of both can be joined."""
    names = ("height", "width", "fps")
    return one.asked["scale"] == other.asked["scale"] and all(
        one.asked["settings"][name] == other.asked["settings"][name] for name in names
    )
