"""A job's folder: what was asked, the sampler's state, latents and segments of what is made so far.

    out/video.job/
        manifest.json   what was asked, the runs, how far it is, which files are whole
        state/          all that the sampler remembers, in its own dtype
        latents/        of finished frames: a file for every wave and every stretch of given frames
        segments/       mp4, joined in the end and never encoded again
        preview.mp4     the segments so far, joined

A file is written beside and renamed, and counts when the manifest notes it with its checksum: a job
may be killed at any moment and goes on from there.
"""

import contextlib
import errno
import shutil
from collections.abc import Container, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from vinf_jax.checkpoint import claim, manifest
from vinf_jax.checkpoint.frame_files import FrameFiles
from vinf_jax.checkpoint.manifest import Manifest
from vinf_jax.systems.video_infinity.asked import differences

KIND = "vinf_jax job, 1"
LATENTS, SEGMENTS, STATE, PREVIEW = "latents", "segments", "state", "preview.mp4"
OWN = {manifest.NAME, claim.NAME, PREVIEW, LATENTS, SEGMENTS, STATE}
SEGMENT = 96
"""Frames of a segment, at most."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Span = tuple[int, int]


class Job:
    """A job's folder. What its manifest notes is whole; whatever else lies there does not count.

    folder: of the job. damaged: what was found missing or damaged when it was opened to go on, and
    what is wrong with each; it is forgotten, so that it is made again. new: begun just now.
    """

    def __init__(self, noted: Manifest, new: bool = False) -> None:
        """Use `open_job` or `finished_job`."""
        self.manifest, self.folder, self.new = noted, noted.folder, new
        self.damaged: dict[str, str] = {}
        self._claim: claim.Claim | None = None

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

    def segment(self, span: Span) -> Path:
        """Where the segment of these frames lies, or would lie."""
        return self.folder / segment_name(span)

    def spans(self) -> list[Span]:
        """(first, last + 1) frames of every segment that is there, in order."""
        names = (Path(name) for name in self.manifest.files if name.startswith(SEGMENTS))
        spans = (name.stem.split("-") for name in names)
        return sorted((int(start), int(stop)) for start, stop in spans)

    def frames(self) -> FrameFiles:
        """The finished latents."""
        given, found = self.given(), FrameFiles()
        for name in self.latents():
            found.add(self.folder / name, None if name.startswith(f"{LATENTS}/wave") else given)
        return found

    def latents(self) -> list[str]:
        """Files of latents; where two hold the same frame, the later one counts."""
        return sorted(name for name in self.manifest.files if name.startswith(LATENTS))

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

    def remove(self) -> None:
        """Removes the folder."""
        _remove(self.folder)

    def close(self) -> None:
        """Lets other processes work on it."""
        if self._claim:
            self._claim.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def segment_name(span: Span) -> str:
    """The path of a segment in the folder of its job."""
    return f"{SEGMENTS}/{span[0]:08d}-{span[1]:08d}.mp4"


def open_job(
    folder: str | Path,
    asked: Mapping[str, Any],
    run: Mapping[str, Any],
    *,
    resume: bool = False,
    force: bool = False,
) -> Job:
    """A job to work on, new or gone on with. Close it.

    Args:
        folder: of the job.
        asked: of `asked_of`.
        run: where, how and with what it is worked on now; the manifest lists all runs.
        resume: go on with a job that lies there; where none does, one is begun.
        force: remove a job that lies there.

    Raises:
        ValueError: the job that lies there was asked for otherwise, or its manifest is damaged.
        OSError: there is a job, or something else, and neither `resume` nor `force` was asked; or
            another process works on it; or it cannot be written.
    """
    folder = Path(folder).absolute()
    troubles = folder_troubles(folder, resume=resume, force=force)
    if troubles:
        raise FileExistsError("; ".join(troubles))
    goes_on = resume and (folder / manifest.NAME).exists()
    if folder.exists() and not goes_on:
        with claim.Claim(folder):
            _remove(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held = claim.Claim(folder)
    try:
        job = _resumed(folder, asked, run) if goes_on else _begun(folder, asked, run)
    except BaseException:
        held.close()
        raise
    job._claim = held
    return job


def finished_job(folder: str | Path) -> Job:
    """A job whose frames are all there, to make another one of.

    Raises:
        ValueError: no job, a damaged one, or one that is not finished.
    """
    job = Job(_noted(Path(folder)))
    if not job.complete:
        raise ValueError(f"{folder} is not finished; go on with it first, with --resume")
    if damaged := job.manifest.damaged():
        raise ValueError(f"{folder}: {_listed(damaged)}; --resume makes that again")
    return job


def folder_troubles(folder: Path, *, resume: bool, force: bool) -> list[str]:
    """Why a job's folder cannot be used, for people, or nothing."""
    if not folder.exists():
        return []
    if not folder.is_dir() or {path.name for path in folder.iterdir()} - OWN - _litter(folder):
        return [f"{folder} is there and is no job; move it away, or give another --job"]
    if (folder / manifest.NAME).exists() and not (resume or force):
        return [f"{folder} holds a job; --resume goes on with it, --force begins anew"]
    return []


@contextlib.contextmanager
def telling(job: Job) -> Generator[None]:
    """A disk that is full, a folder that is gone: one message each, which says what is kept."""
    try:
        yield
    except OSError as error:
        if not (job.folder / manifest.NAME).exists():
            raise OSError(
                f"{job.folder} is gone, it was removed or renamed under the job; put it back and "
                "go on with --resume, or begin anew"
            ) from error
        reason = "the disk is full" if error.errno in FULL else str(error)
        raise OSError(
            f"{reason}; everything made so far is kept in {job.folder}: mend that, then go on with "
            "--resume"
        ) from error


def _begun(folder: Path, asked: Mapping[str, Any], run: Mapping[str, Any]) -> Job:
    facts = {"kind": KIND, "asked": asked, "runs": [run], "segment": SEGMENT}
    return Job(Manifest.begin(folder, **facts, progress={}, state=None, finished=None), new=True)


def _resumed(folder: Path, asked: Mapping[str, Any], run: Mapping[str, Any]) -> Job:
    noted = _noted(folder)
    if differing := differences(noted.facts["asked"], asked):
        raise ValueError(
            f"{folder} was begun otherwise: {'; '.join(differing)}. Ask for it as it was, begin "
            "anew with --force, or give another --out"
        )
    job = Job(noted)
    for name in _litter(folder) | _unnoted(noted):
        (folder / name).unlink()
    job.damaged = noted.damaged()
    state = noted.facts["state"]
    if state and state["file"] in job.damaged:
        state = None
    noted.seal(
        drop=tuple(job.damaged), runs=[*noted.facts["runs"], run], state=state, finished=None
    )
    return job


def _noted(folder: Path) -> Manifest:
    noted = Manifest.read(folder)
    if noted.facts.get("kind") != KIND:
        raise ValueError(f"{folder} is not a job's folder, or one of another version")
    return noted


def _litter(folder: Path) -> set[str]:
    """What a killed process left half-written."""
    found = (path.relative_to(folder) for path in folder.rglob(".*") if path.is_file())
    return {path.as_posix() for path in found if path.suffix in (".part", ".unfinished")}


def _unnoted(noted: Manifest) -> set[str]:
    """What a killed process had written or was about to remove, without a word of it."""
    parts = [noted.folder / part for part in (LATENTS, SEGMENTS, STATE)]
    paths = (path for part in parts for path in part.rglob("*") if path.is_file())
    return {path.relative_to(noted.folder).as_posix() for path in paths} - set(noted.files)


def _remove(folder: Path) -> None:
    """Renamed first: a half removed job must not look like a damaged one."""
    dropped = folder.with_name(f".{folder.name}.dropped")
    shutil.rmtree(dropped, ignore_errors=True)
    folder.rename(dropped)
    shutil.rmtree(dropped)


def _listed(troubles: Mapping[str, str], most: int = 3) -> str:
    parts: Iterable[str] = [f"{name} {what}" for name, what in list(troubles.items())[:most]]
    rest = len(troubles) - most
    return ", ".join([*parts, *([f"and {rest} more"] if rest > 0 else [])])
