"""Jobs that are begun, gone on with, looked at; what stands in the way, in words."""

import contextlib
import errno
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

from vinf_jax.checkpoint import claim, manifest
from vinf_jax.checkpoint.manifest import Manifest
from vinf_jax.parallel import hosts
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
    state_name,
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
    """A job to work on, new or gone on with. Close it. Where several processes work together, the
    first one opens it and the others follow.

    Args:
        folder: of the job.
        asked: of `asked_of`.
        run: where, how and with what it is worked on now; the manifest lists all runs.
        resume: go on with a job that lies there; where none does, one is begun.
        force: remove a job that lies there.

    Raises:
        ValueError: the job that lies there was asked for otherwise, or its manifest is damaged; or
            processes ask for different videos.
        OSError: there is a job, or something else, and neither `resume` nor `force` was asked; or
            another process works on it; or it cannot be written.
    """
    folder = Path(folder).absolute()
    _refuse_discord(asked)
    job = _opened(folder, asked, run, resume, force) if hosts.leads() else None
    facts = job and [job.manifest.facts, job.manifest.files, job.new, job.damaged]
    said = hosts.gathered(facts)[0]
    return job or _followed(folder, *said)


def _opened(
    folder: Path, asked: Mapping[str, Any], run: Mapping[str, Any], resume: bool, force: bool
) -> Job:
    if troubles := folder_troubles(folder, resume=resume, force=force):
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
    begun = (folder / manifest.NAME).exists()
    known = OWN if begun else {claim.NAME}  # a job's manifest is written before all else
    if not folder.is_dir() or {path.name for path in folder.iterdir()} - known - _litter(folder):
        lack = "" if begun or not folder.is_dir() else f": it has no {manifest.NAME}"
        return [f"{folder} is there and is no job{lack}; move it away, or give another --job"]
    if begun and not (resume or force):
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
    facts = {"kind": KIND, "asked": asked, "runs": [run], "segment": SEGMENT, "made": []}
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
    if state and set(job.named(state_name(state["wave"], state["step"]))) & set(job.damaged):
        state = None
    facts: dict[str, Any] = {"runs": [*noted.facts["runs"], run], "state": state}
    if job.damaged:
        facts["finished"] = None
    noted.seal(drop=job.damaged, **facts)
    return job


def _followed(
    folder: Path, facts: dict[str, Any], files: dict[str, list[int]], new: bool, damaged: Any
) -> Job:
    """The job that the first process opened."""
    job = Job(Manifest(folder, facts, files, written=False), new=new)
    job.damaged = damaged
    return job


def _refuse_discord(asked: Mapping[str, Any]) -> None:
    """ValueError where another process asks for another video than the first."""
    first, *others = hosts.gathered(asked)
    for index, other in enumerate(others, 1):
        if lines := differences(first, other, ("in process 0", f"in process {index}")):
            raise ValueError(
                f"processes ask for different videos: {'; '.join(lines)}. Start all of them with "
                "the same command, code and weights"
            )


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
