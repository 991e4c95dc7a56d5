"""Jobs that are begun, gone on with, looked at; what stands in the way, in words."""

import contextlib
import errno
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

from vinf_jax.checkpoint import claim, manifest
from vinf_jax.checkpoint.manifest import Manifest
from vinf_jax.systems.video_infinity.asked import differences
from vinf_jax.systems.video_infinity.job import (
    KIND,
    LATENTS,
    OWN,
    SEGMENT,
    SEGMENTS,
    STATE,
    Job,
    noted_in,
    removed,
)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
            removed(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held = claim.Claim(folder)
    try:
        job = _resumed(folder, asked, run) if goes_on else _begun(folder, asked, run)
    except BaseException:
        held.close()
        raise
    job.claim = held
    return job


def finished_job(folder: str | Path) -> Job:
    """A job whose frames are all there, to make another one of.

    Raises:
        ValueError: no job, a damaged one, or one that is not finished.
    """
    job = Job(noted_in(Path(folder)))
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
    noted = noted_in(folder)
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
    facts = {"runs": [*noted.facts["runs"], run], "state": state}
    if job.damaged:
        facts["finished"] = None
    noted.seal(drop=tuple(job.damaged), **facts)
    return job


def _litter(folder: Path) -> set[str]:
    """What a killed process left half-written."""
    found = (path.relative_to(folder) for path in folder.rglob(".*") if path.is_file())
    return {path.as_posix() for path in found if path.suffix in (".part", ".unfinished")}


def _unnoted(noted: Manifest) -> set[str]:
    """What a killed process had written or was about to remove, without a word of it."""
    parts = [noted.folder / part for part in (LATENTS, SEGMENTS, STATE)]
    paths = (path for part in parts for path in part.rglob("*") if path.is_file())
    return {path.relative_to(noted.folder).as_posix() for path in paths} - set(noted.files)


def _listed(troubles: Mapping[str, str], most: int = 3) -> str:
    parts: Iterable[str] = [f"{name} {what}" for name, what in list(troubles.items())[:most]]
    rest = len(troubles) - most
    return ", ".join([*parts, *([f"and {rest} more"] if rest > 0 else [])])
