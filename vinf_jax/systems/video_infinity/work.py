"""The work on a job: makes what its folder lacks, and notes what is there."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.checkpoint import frame_files
from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.checkpoint.torch_file import open_tensors
from vinf_jax.media import encoders
from vinf_jax.parallel import hosts
from vinf_jax.systems.video_infinity.call import Span
from vinf_jax.systems.video_infinity.job import (
    LATENTS,
    STATE,
    Job,
    part_name,
    state_name,
    wave_name,
)
from vinf_jax.systems.video_infinity.making import Making, Saved, Told
from vinf_jax.systems.video_infinity.opening import telling
from vinf_jax.systems.video_infinity.pieces import AT_ONCE, Piece, Stretch, blocks, pieces
from vinf_jax.systems.video_infinity.showing import Count, Showing, same

SPAN = "span"
"""Beside a state in its file: its first frame in the call, and the one after its last."""


class Work:
    """Makes a job's video. Where several processes work together, all do the same at the same time,
    each with its own part of every wave and its share of the segments.

    Args:
        job: open for work.
        making: of the video that the job was asked for.
        encode: `VideoInfinity.encode`, for the frames of `stretches`.
        stretches: given frames that come as pixels.
        source: the finished job that all other given frames come from, with their numbers.
        save_every: steps after which the sampler's state is saved; 0 is never within a wave.
    """

    def __init__(
        self,
        job: Job,
        making: Making,
        encode: Callable[[np.ndarray], np.ndarray],
        *,
        stretches: Sequence[Stretch] = (),
        source: Job | None = None,
        save_every: int = 5,
    ) -> None:
        self.job, self.making, self.source = job, making, source
        self._encode, self._stretches, self._save_every = encode, stretches, save_every
        self._manifest = job.manifest
        cuts = [start for start, _ in source.spans()] if source else []
        made = [wave.made for wave in making.waves]
        length = job.manifest.facts["segment"]
        self.pieces = pieces(making.request.frames, made, stretches, length, cuts)
        self._showing = Showing(job, making, self.pieces, source)
        self._on_step: Told = None
        self._on_count: Count = _silent

    def go(self, on_step: Told = None, on_count: Count | None = None) -> None:
        """Makes everything that is not there yet. Whatever stops it, what is there stays.

        on_step: told about every stage and step of the waves. on_count: about all other frames.

        Raises:
            OSError: the disk is full, or the folder gone; with what is kept and how to go on.
            ValueError: given frames that cannot be read.
        """
        self._on_step, self._on_count = on_step, on_count or _silent
        with telling(self.job):
            self._bring()
            last = len(self.making.waves) - 1
            for index in range(last + 1):
                self._make(index)
                if self._show(index) and index < last and hosts.leads():
                    self._showing.preview()

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """The whole video as one mp4: its segments joined, nothing encoded again. For the first of
        several processes.

        Raises:
            OSError: as `go`; or the file exists and `overwrite` is false.
        """
        with telling(self.job):
            self._on_count("join", 0, len(self.pieces))
            self._showing.save(path, overwrite)

    def _bring(self) -> None:
        """Latents and segments of the given frames."""
        if self.source:
            self._link_latents(self.source)
        self._share([piece for piece in self.pieces if self._lacks(piece)], self._encode_pieces)
        self._show(None)

    def _show(self, wave: int | None) -> bool:
        """The segments of a wave, or of what is given; whether there were any to write."""
        missing = self._showing.missing(wave)
        write = partial(self._showing.write, on_step=self._on_step, on_count=self._on_count)
        self._share(missing, write, encoders.AT_ONCE)
        return bool(missing)

    def _share(
        self, pieces: Sequence[Piece], write: Callable[[list[Piece]], list[str]], at_once: int = 1
    ) -> None:
        """Writes a file for each piece, every process for its share, and notes them."""
        turns = hosts.turns(pieces)
        for start, stop in blocks(0, len(turns), at_once):
            few = [piece for piece in turns[start:stop] if piece]
            self.job.seal(*(write(few) if few else []))

    def _link_latents(self, source: Job) -> None:
        names = source.latents()
        copies = [f"{LATENTS}/given-{n:04d}.safetensors" for n in range(len(names))]
        if all(self.job.has(name) for name in copies):
            return
        if hosts.leads():
            for name, copy in zip(names, copies, strict=True):
                same(source.folder / name, self.job.folder / copy)
        self.job.seal(*(copies if hosts.leads() else []))

    def _lacks(self, piece: Piece) -> bool:
        """Whether a piece's frames are given as pixels and have no latents yet."""
        return piece.stretch is not None and not self.job.has(_given_name(piece))

    def _encode_pieces(self, pieces: Sequence[Piece]) -> list[str]:
        return [self._encode_piece(piece) for piece in pieces]

    def _encode_piece(self, piece: Piece) -> str:
        """Latents of a piece of a stretch; their path in the folder."""
        stretch, latents = piece.stretch, []
        assert stretch is not None
        for first, last in blocks(*piece.span, AT_ONCE):
            self._on_count("given", first - stretch.start, stretch.stop - stretch.start)
            latents.append(self._encode(stretch.pixels(first, last)).astype(self.making.dtype))
        name = _given_name(piece)
        numbers = range(*piece.span)
        frame_files.write(self.job.folder / name, numbers, np.concatenate(latents))
        return name

    def _make(self, index: int) -> None:
        """Latents of a wave: each process writes its own."""
        wave, there = self.making.waves[index], self.job.frames(index)
        if all(number in there for number in wave.made):
            return
        here, own = self.making.spans(index)
        saved = self._manifest.facts["state"]
        state, step = None, 0
        # an earlier wave is made again: the state of the one that was in progress stays
        later = saved if saved and saved["wave"] > index else None
        if saved and saved["wave"] == index:
            step = saved["step"]
            state = self._stored(self.job.named(state_name(index, step)), here)
        saving = self._save_every and not later
        latents = self.making.wave(
            index,
            self.job.frames(),
            state=state,
            step=step,
            on_state=partial(self._remember, index, own) if saving else None,
            state_every=self._save_every or 1,
            on_step=self._on_step,
        )
        made = [n for n in wave.numbers[slice(*own)] if n in set(wave.made)]
        names = [part_name(wave_name(index))] if made else []
        for name in names:
            frame_files.write(self.job.folder / name, made, latents)
        over = [*self.job.named(wave_name(index)), *([] if later else self.job.named(STATE))]
        self.job.seal(*names, **self._now(index, self.making.steps, over), state=later)

    def _remember(self, index: int, own: Span, step: int, state: Saved) -> None:
        names = [part_name(state_name(index, step))] if own[0] < own[1] else []
        for name in names:
            path = self.job.folder / name
            path.parent.mkdir(exist_ok=True)
            write_safetensors(path, state | {SPAN: np.array(own)})
        now = self._now(index, step, self.job.named(STATE))
        self.job.seal(*names, **now, state={"wave": index, "step": step})

    def _now(self, index: int, step: int, over: Iterable[str]) -> dict[str, Any]:
        """The manifest's progress, and the files that are over with it."""
        progress = {"wave": index, "waves": len(self.making.waves)}
        progress |= {"step": step, "steps": self.making.steps}
        return {"progress": progress, "drop": list(over)}

    def _stored(self, names: Sequence[str], here: Span) -> Saved:
        """Of a state in these files the frames at positions `here`."""
        found = [open_tensors(self.job.folder / name) for name in names]
        found.sort(key=lambda file: int(file[SPAN][0]))
        places = [slice(*(max(p - int(file[SPAN][0]), 0) for p in here)) for file in found]
        parts = [name for name in found[0] if name != SPAN]
        return {
            part: np.concatenate([file[part][at] for file, at in zip(found, places, strict=True)])
            for part in parts
        }


def _given_name(piece: Piece) -> str:
    return f"{LATENTS}/given-at-{piece.span[0]:08d}.safetensors"


def _silent(stage: str, done: int, of: int) -> None:
    pass
