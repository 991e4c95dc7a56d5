"""Short clips of long videos in the files that VBench's custom_input mode reads, and its results.

    FOLDER/METHOD-FRAMES/PROMPT-INDEX.mp4     the prompt is in the name, as VBench expects
    FOLDER/METHOD-FRAMES/prompts.json         file -> prompt in full, for its --prompt_file
    FOLDER/clips.json                         which frames of which video each clip is
    FOLDER/run.sh                             what is run; made anew by every call
    FOLDER/results/METHOD-FRAMES/DIMENSION/   what VBench leaves: *_eval_results.json

Video-Infinity's protocol (arXiv 2406.16260): VBench is made for short clips, so of each long video
five are measured, and their mean is the video's figure.
"""

import re
import shlex
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.checkpoint.index import measured
from vinf_jax.media.video import VideoWriter

from .films import CLIPS, Film
from .outputs import read_json, write_json

DIMENSIONS = (
    "subject_consistency",
    "background_consistency",
    "temporal_flickering",
    "motion_smoothness",
    "dynamic_degree",
    "aesthetic_quality",
    "imaging_quality",
)
"""VBench's group "quality", which needs no knowledge of the prompts; the paper's seven."""
MOTION = "dynamic_degree"
LONGEST = 180
"""Bytes of a prompt in a file's name."""
RESULT = "_eval_results.json"
CRF = 4
"""Of the clips: the codec should not be what is measured."""


@dataclass(frozen=True)
class Layout:
    """Clips of videos in `folder`. groups: their folders by name, one of each method and length."""

    folder: Path
    groups: dict[str, Path]

    def command(self, program: str, group: str, dimension: str) -> list[str]:
        """VBench on one group and dimension, to be run in `folder`: as its own command line takes
        it, and in one process, since several average some dimensions differently."""
        told = {
            "--videos_path": self.groups[group].relative_to(self.folder),
            "--dimension": dimension,
            "--mode": "custom_input",
            "--output_path": self._results(group, dimension).relative_to(self.folder),
        }
        words = [str(word) for pair in told.items() for word in pair]
        return [program, "evaluate", *words]

    def score(self, group: str, dimension: str) -> float | None:
        """What VBench found, from 0 to 1; None where it has not been there yet.

        Raises:
            ValueError: results that cannot be understood.
        """
        files = sorted(self._results(group, dimension).glob(f"*{RESULT}"))
        if not files:
            return None
        try:
            found = read_json(files[-1])[dimension]
            return float(found[0] if isinstance(found, list) else found)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ValueError(
                f"{files[-1]} is no result of VBench for {dimension}: {error!r}"
            ) from None

    def forget(self, group: str) -> None:
        """Removes what VBench found of other clips."""
        for dimension in DIMENSIONS:
            for file in self._results(group, dimension).glob(f"*{RESULT}"):
                file.unlink()

    def script(self, program: str) -> str:
        """All commands, for a shell on the machine where VBench is, wherever the folder lies."""
        lines = [
            shlex.join(self.command(program, group, dimension))
            for group in self.groups
            for dimension in DIMENSIONS
        ]
        head = ["#!/bin/sh", "# made anew by every call of vinf_jax: change a copy"]
        return "\n".join([*head, "set -e", 'cd "$(dirname "$0")"', *lines, ""])

    def _results(self, group: str, dimension: str) -> Path:
        return self.folder / "results" / group / dimension


def laid_out(folder: Path, films: Sequence[Film], *, clips: int, length: int, seed: int) -> Layout:
    """Writes the clips; the n-th videos of all methods are cut at the same places. Clips that are
    there and of the same frames of the same file are left as they are; where some of a group are
    not, or are no longer wanted, its results are removed.

    Args:
        clips: of each video. length: frames of a clip. seed: of their first frames.

    Raises:
        ValueError: a video that is shorter than a clip, or a folder of other clips.
    """
    how = {"clips": clips, "length": length, "seed": seed}
    before, layout = _cut_before(folder, how), Layout(folder, {})
    write_json(folder / CLIPS, {"how": how, "files": before}, True)
    prompts: dict[Path, dict[str, str]] = {}
    cut: dict[str, dict[str, Any]] = {}
    for film in films:
        frames, fps = film.read()
        mark = {"video": str(film.path), "measured": measured(film.source, checksums=True)}
        if len(frames) < length:
            raise ValueError(f"length: {length} frames, but {film.path} has {len(frames)}")
        name = f"{film.method}-{len(frames)}"
        group = layout.groups.setdefault(name, folder / name)
        said = prompts.setdefault(group, {})
        number = len(said) // clips
        starts = np.random.default_rng((seed, number)).integers(
            len(frames) - length + 1, size=clips
        )
        for k, start in enumerate(sorted(map(int, starts))):
            path = group / f"{file_name(film.prompt or film.path.stem)}-{number * clips + k}.mp4"
            said[path.name] = film.prompt
            clip = f"{name}/{path.name}"
            cut[clip] = mark | {"first_frame": start}
            same = _place(before.get(clip)) == _place(cut[clip])
            if not same:
                layout.forget(name)
            if not same or not path.is_file():
                sizes = frames.shape[1:3]
                with VideoWriter(path, fps, *sizes, crf=CRF, overwrite=True) as video:
                    video.write(frames[start : start + length])
    _remove_others(layout, cut)
    for group, said in prompts.items():
        write_json(group / "prompts.json", said, True)
    write_json(folder / CLIPS, {"how": how, "files": cut}, True)
    return layout


def _cut_before(folder: Path, how: dict[str, int]) -> dict[str, Any]:
    """What each clip in the folder was cut from.

    Raises:
        ValueError: the folder holds clips that were cut in another way.
    """
    if not (folder / CLIPS).is_file():
        return {}
    said = read_json(folder / CLIPS)
    if said.get("how") != how:
        raise ValueError(
            f"layout: {folder} holds clips of {said.get('how')}, not of {how}; give another"
        )
    return said.get("files", {})


def _remove_others(layout: Layout, wanted: Container[str]) -> None:
    """Clips that are not wanted, as (group)/(file): VBench measures all that is there."""
    for name, group in layout.groups.items():
        for clip in group.glob("*.mp4"):
            if f"{name}/{clip.name}" not in wanted:
                layout.forget(name)
                clip.unlink()


def _place(cut: dict[str, Any] | None) -> tuple[Any, ...] | None:
    """The video, however its path was written, its size and checksum, and the frame that a clip
    begins at."""
    if cut is None:
        return None
    return str(Path(cut["video"]).absolute()), cut.get("measured"), cut["first_frame"]


def file_name(prompt: str) -> str:
    """The prompt as a file may be called: no slashes, no control characters, not too long."""
    plain = re.sub(r"[^\w ,.'()!&+-]+", "_", prompt).strip(" .") or "video"
    return plain.encode()[:LONGEST].decode(errors="ignore").strip(" .")
