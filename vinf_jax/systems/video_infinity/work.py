"""The work on a job: makes what its folder lacks, and notes what is there."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.checkpoint import frame_files
from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.checkpoint.torch_file import open_tensors
from vinf_jax.media import encoders
from vinf_jax.systems.video_infinity.job import LATENTS, STATE, Job
from vinf_jax.systems.video_infinity.making import Making, Saved, Told
from vinf_jax.systems.video_infinity.opening import telling
from vinf_jax.systems.video_infinity.pieces import AT_ONCE, Stretch, blocks, pieces
from vinf_jax.systems.video_infinity.showing import Count, Showing, same


class Work:
    """Makes a job's video.

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
                if self._show(index) and index < last:
                    self._showing.preview()

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """The whole video as one mp4: its segments joined, nothing encoded again.

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
        for stretch in self._stretches:
            self._encode_stretch(stretch)
        self._show(None)

    def _show(self, wave: int | None) -> bool:
        """The segments of a wave, or of what is given; whether there were any to write."""
        missing = self._showing.missing(wave)
        for start, stop in blocks(0, len(missing), encoders.AT_ONCE):
            few = missing[start:stop]
            self._manifest.seal(*self._showing.write(few, self._on_step, self._on_count))
        return bool(missing)

    def _link_latents(self, source: Job) -> None:
        names = source.latents()
        copies = [f"{LATENTS}/given-{n:04d}.safetensors" for n in range(len(names))]
        if all(self.job.has(name) for name in copies):
            return
        for name, copy in zip(names, copies, strict=True):
            same(source.folder / name, self.job.folder / copy)
        self._manifest.seal(*copies)

    def _encode_stretch(self, stretch: Stretch) -> None:
        """Latents of a stretch, a file for each of its pieces."""
        mine = [piece.span for piece in self.pieces if piece.stretch is stretch]
        for start, stop in mine:
            name = f"{LATENTS}/given-at-{start:08d}.safetensors"
            if self.job.has(name):
                continue
            latents = []
            for first, last in blocks(start, stop, AT_ONCE):
                self._on_count("given", first - stretch.start, stretch.stop - stretch.start)
                latents.append(self._encode(stretch.pixels(first, last)).astype(self.making.dtype))
            frame_files.write(self.job.folder / name, range(start, stop), np.concatenate(latents))
            self._manifest.seal(name)

    def _make(self, index: int) -> None:
        """Latents of a wave."""
        name, wave = f"{LATENTS}/wave-{index:04d}.safetensors", self.making.waves[index]
        if self.job.has(name):
            return
        saved = self._manifest.facts["state"]
        state, step = None, 0
        if saved and saved["wave"] == index:
            state, step = self._stored(saved["file"]), saved["step"]
        latents = self.making.wave(
            index,
            self.job.frames(),
            state=state,
            step=step,
            on_state=partial(self._remember, index) if self._save_every else None,
            state_every=self._save_every or 1,
            on_step=self._on_step,
        )
        frame_files.write(self.job.folder / name, wave.made, latents)
        self._manifest.seal(name, **self._now(index, self.making.steps), state=None)

    def _remember(self, index: int, step: int, state: Saved) -> None:
        name = f"{STATE}/wave-{index:04d}-step-{step:04d}.safetensors"
        path = self.job.folder / name
        path.parent.mkdir(exist_ok=True)
        write_safetensors(path, state)
        saved = {"file": name, "wave": index, "step": step}
        self._manifest.seal(name, **self._now(index, step), state=saved)

    def _now(self, index: int, step: int) -> dict[str, Any]:
        """The manifest's progress, and the states that are over with it."""
        progress = {"wave": index, "waves": len(self.making.waves)}
        progress |= {"step": step, "steps": self.making.steps}
        over = tuple(name for name in self._manifest.files if name.startswith(STATE))
        return {"progress": progress, "drop": over}

    def _stored(self, name: str) -> Saved:
        file = open_tensors(self.job.folder / name)
        return {part: np.array(file[part]) for part in file}


def _silent(stage: str, done: int, of: int) -> None:
    pass
