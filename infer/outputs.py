"""The files a run leaves: a video, a contact sheet and a record beside it, of every seed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vinf_jax.media.target import check_target, replacing


@dataclass(frozen=True)
class Outputs:
    """The files of one video: out/demo.mp4, out/demo.png, out/demo.json, out/demo.preview.png, and
    the folder that it is made in: `folder`, or out/demo.job."""

    video: Path
    folder: Path | None = None

    @property
    def job(self) -> Path:
        return self.folder or self.video.with_suffix(".job")

    @property
    def sheet(self) -> Path:
        return self.video.with_suffix(".png")

    @property
    def record(self) -> Path:
        return self.video.with_suffix(".json")

    @property
    def preview(self) -> Path:
        return self.video.with_suffix(".preview.png")

    @property
    def all(self) -> tuple[Path, ...]:
        """What a finished run leaves, a preview aside."""
        return self.video, self.sheet, self.record

    def own(self) -> set[Path]:
        """Those that the job in the folder made itself, as it noted; all, if the video is the one
        that it ended with, or if the folder is named after it and from before jobs noted that.

        Raises:
            ValueError: the job's manifest is damaged.
        """
        from vinf_jax.checkpoint.index import measured
        from vinf_jax.systems.video_infinity.job import Job, noted_in

        everything = {*self.all, self.preview}
        if not (self.job / "manifest.json").exists():
            return set()
        job = Job(noted_in(self.job))
        named = self.job.resolve() == self.video.with_suffix(".job").resolve()
        if named and "made" not in job.manifest.facts:
            return everything
        there = job.finished and self.video.is_file()
        if there and measured(self.video, checksums=True) == job.finished:
            return everything
        return {path for path in everything if job.owns(path)}


def of_seeds(out: Path, seeds: Sequence[int], job: Path | None = None) -> dict[int, Outputs]:
    """The files of every seed: `out` itself for one, out-seed3.mp4 and so on for several; of the
    folder of the job likewise."""
    if len(seeds) == 1:
        return {seeds[0]: Outputs(out, job)}
    return {
        seed: Outputs(
            out.with_stem(f"{out.stem}-seed{seed}"),
            job and job.with_stem(f"{job.stem}-seed{seed}"),
        )
        for seed in seeds
    }


def target_troubles(paths: Sequence[Path], force: bool, flag: str = "out") -> list[str]:
    """Why these files, which `flag` names, cannot be written, one message each; nothing is left
    behind."""
    found = []
    for path in paths:
        try:
            check_target(path, overwrite=force)
        except OSError as error:
            found.append(f"{flag}: {error}")
    return found


def suffix_troubles(out: Path, suffix: str) -> list[str]:
    """`out` must end with `suffix`, since what it names is of that kind."""
    if out.suffix == suffix:
        return []
    return [f"out: {out} should end with {suffix}; {out.with_suffix(suffix)} would fit"]


def write_json(path: Path, value: Mapping[str, Any], force: bool) -> None:
    """`value` as JSON that people can read; the file appears whole or not at all."""
    with replacing(path, force) as temporary:
        temporary.write_text(json.dumps(value, indent=2, default=list) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        ValueError: it holds none, say because it was cut short; with the path.
        OSError: it cannot be read.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is no JSON ({error}); it may be damaged: bring it back whole, or remove it"
        ) from None
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds no JSON object; bring it back whole, or remove it")
    return value
