"""The videos that methods are compared on: one of each method, prompt, seed and length, in a folder
that grows and can be gone on with.

    FOLDER/FRAMES/METHOD/000-seed0.mp4    for people
    .../000-seed0.npz                     its frames as they were made, which are measured
    .../000-seed0.png                     its middle frame
    .../000-seed0.json                    what it is; written last, so a video that has it is whole
    .../000-seed0.measures.json, .windows.npy    its measures, and features of its windows
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.media.sheet import save_png
from vinf_jax.media.target import replacing
from vinf_jax.media.video import VideoWriter

from .films import joins
from .making import enlargement
from .methods import Method
from .outputs import write_json


@dataclass(frozen=True)
class Run:
    """One video. number: of its prompt."""

    folder: Path
    method: Method
    frames: int
    number: int
    prompt: str
    seed: int

    @property
    def video(self) -> Path:
        where = self.folder / str(self.frames) / self.method.name
        return where / f"{self.number:03}-seed{self.seed}.mp4"

    @property
    def record(self) -> Path:
        return self.video.with_suffix(".json")

    @property
    def finished(self) -> bool:
        return self.record.is_file()

    def wishes(self, clip_frames: int) -> dict[str, Any]:
        """Arguments of `generate` that are this run's own."""
        scope = self.method.scope_for(self.frames, clip_frames)
        own = {"frames": self.frames, "seed": self.seed, "scope": scope}
        return own | self.method.sampling


def planned(
    folder: Path,
    methods: Sequence[Method],
    prompts: Sequence[str],
    seeds: Sequence[int],
    lengths: Sequence[int],
) -> list[Run]:
    """All runs; those that are compared with each other stand together, for whoever stops early."""
    return [
        Run(folder, method, frames, number, prompt, seed)
        for frames in sorted(lengths)
        for seed in seeds
        for number, prompt in enumerate(prompts)
        for method in methods
    ]


def differing(runs: Sequence[Run], common: Mapping[str, Any], clip_frames: int) -> list[str]:
    """Why finished videos are not those that are asked for, one message at most."""
    for run in runs:
        if not run.finished:
            continue
        made = json.loads(run.record.read_text()).get("asked", {})
        asked = json.loads(json.dumps(_asked(run, common, clip_frames)))
        apart = [name for name in asked | made if asked.get(name) != made.get(name)]
        if apart:
            before, now = (of.get(apart[0]) for of in (made, asked))
            return [
                f"out: {run.video} was made with {apart[0]} {before!r}, and {now!r} is asked for; "
                "give another folder, another name for the method, or the same again"
            ]
    return []


def make(
    run: Run, model: Any, common: Mapping[str, Any], origin: Mapping[str, Any], **how: Any
) -> None:
    """Makes one video and all its files.

    Args:
        common: arguments of `generate` that all runs share, and under "model" which model it is.
        origin: of the record. how: arguments of `generate` that do not decide how a video looks.
    """
    settings, wishes = model.settings.to_dict(), run.wishes(model.settings.clip_frames)
    shared = {name: value for name, value in common.items() if name != "model"} | wishes
    start = time.perf_counter()
    frames = model.generate([run.prompt], **shared, **how)
    seconds = time.perf_counter() - start
    settings |= {name: value for name, value in shared.items() if name in settings}
    fps, scale = settings["fps"], enlargement(None, *frames.shape[1:3])
    with replacing(run.video.with_suffix(".npz"), True) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, frames=frames, fps=np.float64(fps))
    with VideoWriter(run.video, fps, *frames.shape[1:3], scale=scale, overwrite=True) as video:
        video.write(frames)
    save_png(run.video.with_suffix(".png"), frames[len(frames) // 2], overwrite=True)
    span = {"text": run.prompt, "start": 0, "stop": run.frames}
    record = {
        "method": run.method.name,
        "prompts": [span],
        "seed": run.seed,
        "frames": run.frames,
        "settings": settings,
        "scale": scale,
        "joins": joins(settings, run.frames),
        "seconds": round(seconds, 3),
        "asked": _asked(run, common, model.settings.clip_frames),
    }
    write_json(run.record, record | dict(origin), True)


def missing(runs: Sequence[Run]) -> Iterator[tuple[int, Run]]:
    """Those that are not finished, each with how many of all are done before it."""
    left = [run for run in runs if not run.finished]
    done = len(runs) - len(left)
    return ((done + n, run) for n, run in enumerate(left))


def _asked(run: Run, common: Mapping[str, Any], clip_frames: int) -> dict[str, Any]:
    """All that decides how the video looks."""
    return dict(common) | run.wishes(clip_frames) | {"prompt": run.prompt}
