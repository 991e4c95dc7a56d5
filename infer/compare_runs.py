"""The videos that methods are compared on: one of each method, story, seed and length, in a folder
that grows and can be gone on with.

    FOLDER/FRAMES/METHOD/000-seed0.mp4    for people
    .../000-seed0.npz                     its frames as they were made, which are measured
    .../000-seed0.png                     its middle frame
    .../000-seed0.json                    what it is; written last, so a video that has it is whole
    .../000-seed0.measures.json, .windows.npy    its measures, and features of its windows
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .methods import Method
from .outputs import read_json

Story = tuple[str, ...]
"""The prompts of a video, in the order of time."""


@dataclass(frozen=True)
class Run:
    """One video. number: of its story."""

    folder: Path
    method: Method
    frames: int
    number: int
    prompts: Story
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

    def wishes(self, settings: Any) -> dict[str, Any]:
        """Arguments of `generate` of a model of these settings that are this run's method's and
        length's."""
        scope = self.method.scope_for(self.frames, settings)
        return {"frames": self.frames, "scope": scope} | self.method.sampling


def planned(
    folder: Path,
    methods: Sequence[Method],
    stories: Sequence[Story],
    seeds: Sequence[int],
    lengths: Sequence[int],
) -> list[Run]:
    """All runs; those that are compared with each other stand together, for whoever stops early."""
    return [
        Run(folder, method, frames, number, prompts, seed)
        for frames in sorted(lengths)
        for seed in seeds
        for number, prompts in enumerate(stories)
        for method in methods
    ]


def stories(prompts: Sequence[str], scenes: int) -> list[Story]:
    """One story of each prompt: it, and then prompts that share neither colour nor shape nor all of
    the background with the one before, so that a scene's end can be told.

    Raises:
        ValueError: prompts of another world, or none of them is so unlike.
    """
    if scenes == 1:
        return [(prompt,) for prompt in prompts]
    from vinf_jax.media.captions import parse

    facts = [parse(prompt) for prompt in prompts]

    def unlike(n: int, before: Sequence[int]) -> int:
        last = facts[before[-1]]
        for k in range(1, len(prompts)):
            m = (n + k) % len(prompts)
            apart = facts[m].colour != last.colour and facts[m].shape != last.shape
            grounds = [(f.background, f.pattern) for f in (facts[m], last)]
            if apart and grounds[0] != grounds[1] and m not in before:
                return m
        raise ValueError(f"scenes: no prompt is unlike {prompts[before[-1]]!r}; give more prompts")

    found = []
    for n in range(len(prompts)):
        numbers = [n]
        while len(numbers) < scenes:
            numbers.append(unlike(numbers[-1], numbers))
        found.append(tuple(prompts[m] for m in numbers))
    return found


def differing(runs: Sequence[Run], common: Mapping[str, Any], settings: Any) -> list[str]:
    """Why finished videos are not those that are asked for, one message at most."""
    for run in runs:
        if not run.finished:
            continue
        made = read_json(run.record).get("asked", {})
        now = json.loads(json.dumps(asked(run, common, settings)))
        apart = [name for name in now | made if now.get(name) != made.get(name)]
        if apart:
            then, wanted = (of.get(apart[0]) for of in (made, now))
            return [
                f"out: {run.video} was made with {apart[0]} {then!r}, and {wanted!r} is asked for; "
                "give another folder, another name for the method, or the same again"
            ]
    return []


def asked(run: Run, common: Mapping[str, Any], settings: Any) -> dict[str, Any]:
    """All that decides how the video looks."""
    own = {"seed": run.seed, "prompts": list(run.prompts)}
    return dict(common) | run.wishes(settings) | own


def batches(runs: Sequence[Run], together: int) -> Iterator[list[Run]]:
    """Unfinished runs that are made in one call each: of one method and length, `together` frames
    at most, of equal number but for the last; one by one, as planned, where together is 0."""
    left = [run for run in runs if not run.finished]
    if not together:
        yield from ([run] for run in left)
        return
    groups: dict[tuple[int, str], list[Run]] = {}
    for run in left:
        groups.setdefault((run.frames, run.method.name), []).append(run)
    for (frames, _), group in groups.items():
        calls = math.ceil(len(group) / max(1, together // frames))
        size = math.ceil(len(group) / calls)
        yield from (group[n : n + size] for n in range(0, len(group), size))
