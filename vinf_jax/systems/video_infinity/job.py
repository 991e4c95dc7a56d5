"""A job's folder: what was asked, the sampler's state, latents and segments of what is made so far.

    out/video.job/
        manifest.json   what was asked, the runs, how far it is, which files are whole
        state/          all that the sampler remembers, in its own dtype
        latents/        of finished frames: a file for every wave and every stretch of given frames
        segments/       mp4, joined in the end and never encoded again
        preview.mp4     the segments so far, joined

A file is written beside and renamed, and counts when the manifest notes it with its checksum: a job
may be killed at any moment and goes on from there. Where several processes work on it, each writes
latents, states and segments of its own, and the first one the manifest.
"""

import os
import shutil
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any, Self

from vinf_jax.checkpoint import claim, manifest
from vinf_jax.checkpoint.frame_files import FrameFiles
from vinf_jax.checkpoint.manifest import Manifest
from vinf_jax.media import layouts
from vinf_jax.parallel import hosts

KIND = f"{layouts.JOB}, 1"
LATENTS, SEGMENTS, STATE, PREVIEW = "latents", "segments", "state", "preview.mp4"
OWN = {manifest.NAME, claim.NAME, PREVIEW, LATENTS, SEGMENTS, STATE}
SEGMENT = 96
"""Frames of a segment, at most."""

Span = tuple[int, int]


class Job:
    """A job's folder. What its manifest notes is whole; whatever else lies there does not count.

    folder: of the job. damaged: what was found missing or damaged when it was opened to go on, and
    what is wrong with each; it is forgotten, so that it is made again. new: begun just now. claim:
    on the folder, while it is worked on.
    """

    def __init__(self, noted: Manifest, new: bool = False) -> None:
        """Use `opening.open_job` or `opening.finished_job`."""
        self.manifest, self.folder, self.new = noted, noted.folder, new
        self.damaged: dict[str, str] = {}
        self.claim: claim.Claim | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """All that decides which video the job makes; see `asked_of`."""
        return self.manifest.facts["asked"]

    @property
    def complete(self) -> bool:
        """Whether every frame has its segment."""
        stop = 0
        for span in self.spans():
            stop = span[1] if span[0] == stop else -1
        return stop == self.asked["frames"]

    def has(self, name: str) -> bool:
        """Whether a file (path in the folder) is there, whole."""
        return name in self.manifest.files

    def named(self, prefix: str) -> list[str]:
        """The whole files whose paths begin so, in order."""
        return sorted(name for name in self.manifest.files if name.startswith(prefix))

    def seal(self, *names: str, drop: Iterable[str] = (), **facts: Any) -> None:
        """Notes what this process finished and what all others did meanwhile: they must come to the
        same line, with the same `drop` and `facts`. See `Manifest.seal`."""
        mine = {name: manifest.settled(self.folder / name) for name in names}
        noted = {name: size for part in hosts.gathered(mine) for name, size in part.items()}
        self.manifest.seal(noted=noted, drop=drop, **facts)

    def segment(self, span: Span) -> Path:
        """Where the segment of these frames lies, or would lie."""
        return self.folder / segment_name(span)

    def spans(self) -> list[Span]:
        """(first, last + 1) frames of every segment that is there, in order."""
        names = (Path(name) for name in self.manifest.files if name.startswith(SEGMENTS))
        spans = (name.stem.split("-") for name in names)
        return sorted((int(start), int(stop)) for start, stop in spans)

    def frames(self, wave: int | None = None) -> FrameFiles:
        """The finished latents, or only those that a wave made."""
        given, found = self.given(), FrameFiles()
        for name in self.latents() if wave is None else self.named(wave_name(wave)):
            found.add(self.folder / name, None if name.startswith(f"{LATENTS}/wave") else given)
        return found

    def latents(self) -> list[str]:
        """Files of latents; where two hold the same frame, the later one counts."""
        return self.named(LATENTS)

    def given(self) -> Container[int]:
        """The numbers of the frames that the job was given."""
        return {n for part in self.asked["given"] for n in range(part["start"], part["stop"])}

    @property
    def finished(self) -> list[int] | None:
        """Size and checksum of the video that it ended with, None before that."""
        return self.manifest.facts["finished"]

    def finish(self, video: Path) -> None:
        """Notes that all is done, and which file is the video."""
        self.manifest.seal(finished=manifest.settled(video))

    def owns(self, path: Path) -> bool:
        """Whether the job made the file at `path`, and may make it again."""
        return self._beside(path) in self.manifest.facts.get("made", ())

    def own(self, paths: Iterable[Path]) -> None:
        """Notes that the files at `paths` are the job's, before they are written. They may move
        together with its folder."""
        made = {*self.manifest.facts.get("made", ()), *map(self._beside, paths)}
        self.manifest.seal(made=sorted(made))

    def remove(self) -> None:
        """Removes the folder."""
        removed(self.folder)

    def move(self, folder: Path) -> None:
        """Takes the place of another job's folder, which is removed when this one is there."""
        aside = _aside(folder) if folder.exists() else None
        self.folder = self.folder.rename(folder)
        if aside:
            shutil.rmtree(aside)

    def close(self) -> None:
        """Lets other processes work on it."""
        if self.claim:
            self.claim.close()

    def _beside(self, path: Path) -> str:
        place = path.parent.resolve() / path.name
        return Path(os.path.relpath(place, self.folder.resolve())).as_posix()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def segment_name(span: Span) -> str:
    """The path of a segment in the folder of its job."""
    return f"{SEGMENTS}/{span[0]:08d}-{span[1]:08d}.mp4"


def wave_name(wave: int) -> str:
    """What the paths of a wave's latents begin with."""
    return f"{LATENTS}/wave-{wave:04d}"


def state_name(wave: int, step: int) -> str:
    """What the paths of a state begin with."""
    return f"{STATE}/wave-{wave:04d}-step-{step:04d}"


def part_name(stem: str) -> str:
    """The path of this process's file of several that together are one thing."""
    part = f"-{hosts.index() + 1}-of-{hosts.count()}" if hosts.count() > 1 else ""
    return f"{stem}{part}.safetensors"


def noted_in(folder: Path) -> Manifest:
    """The manifest of a job's folder; ValueError where there is none, or a damaged one."""
    noted = Manifest.read(folder)
    if noted.facts.get("kind") != KIND:
        raise ValueError(f"{folder} is not a job's folder, or one of another version")
    return noted


def removed(folder: Path) -> None:
    """Renamed first: a half removed job must not look like a damaged one."""
    shutil.rmtree(_aside(folder))


def _aside(folder: Path) -> Path:
    """Renames a job's folder, over the remains of one that went before."""
    dropped = folder.with_name(f".{folder.name}.dropped")
    shutil.rmtree(dropped, ignore_errors=True)
    return folder.rename(dropped)
