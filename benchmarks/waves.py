"""Waves of a text-to-video model: memory from 500 to 10,000 frames, and what a join looks like.

    python -m benchmarks.waves --weights FOLDER --out benchmarks/waves.json

Host memory: each length in a process of its own, latents in a file, pixels counted and dropped; the
peak of anonymous memory (Linux), on the CPU. Sampling takes one step there: a step frees what it
took, so that memory does not depend on their number. Device memory: what the compiler says of the
step of the largest call. Joins, with all steps: of every video the mean absolute difference of
neighbouring frames (of 255), across the joins of waves over that inside waves, and the same of the
unwaved video at the same places; what moves inside is told of both, so that standing still does not
pass for a good join. Waves of two lengths: 24 frames, and 48. Some eighty minutes on 2 cores;
written after every video.
"""

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from infer.methods import method

from .watched import machine, run

LENGTHS = (500, 2500, 10_000)
ASKED = 1.2
"""What the ratio of a join is to stay within."""
MEMORY: dict[str, Any] = {"wave": 250, "overlap": 16, "steps": 1}
CHANGES = ("across", "inside")
JOINED: dict[str, dict[str, Any]] = {
    "joins": {"frames": 48, "wave": 24, "overlap": 12},
    "joins_of_48": {"frames": 96, "wave": 48, "overlap": 16},
}
"""Videos with joins, by their part of the record."""
PROMPTS = [
    "a red circle moves right over a plain white background",
    "a blue square turns over a striped grey background",
    "a green triangle bounces over a plain black background",
    "a yellow circle moves up over a checkered brown background",
]


def main() -> None:
    """Measures and writes the record, or is one of the processes that are measured."""
    options = _options()
    if options.frames:
        _make(options.weights, options.frames)
        return
    about = {
        "command": shlex.join(["python", "-m", "benchmarks.waves", *sys.argv[1:]]),
        "machine": machine(),
        "versions": {name: version(name) for name in ("jax", "flax", "numpy")},
    }
    if options.lengths:
        found = _memory(options.weights, options.lengths)
        _note(options.out, "memory", about | MEMORY | {"by_frames": found})
    scope = {"scope": method(options.scope).scope} if options.scope else {}
    for part in options.joined:
        about["machine"] = machine()
        joined = JOINED[part] | {"known_time": options.known_time} | scope
        for joins in _joins(options.weights, options.seeds, joined):
            _note(options.out, part, about | joins)
            print(f"{part}: seed {joins['videos'][-1]['seed']}: {joins['waved']}", flush=True)


def _note(out: Path, part: str, found: dict[str, Any]) -> None:
    """Writes one part of the record; the other stays."""
    record = json.loads(out.read_text()) if out.exists() else {}
    out.write_text(json.dumps(record | {part: found}, indent=1) + "\n")


def _memory(weights: Path, lengths: Sequence[int]) -> dict[int, dict[str, Any]]:
    """By the number of frames: a process's memory and time, the step's memory on its device."""
    idle = run("-c", "import time; time.sleep(1)")["anonymous_bytes"]
    words = ("-m", "benchmarks.waves", "--weights", weights, "--frames")
    found = {}
    for frames in lengths:
        found[frames] = run(*words, frames, less=idle)
        if found[frames]["status"]:
            raise RuntimeError(f"the process for {frames} frames ended badly: {found[frames]}")
        print(f"{frames} frames: {found[frames]}", flush=True)
    for frames, more in _device_memory(weights, lengths).items():
        found[frames] |= more
        print(f"{frames} frames: {more}", flush=True)
    return found


def _device_memory(weights: Path, lengths: Sequence[int]) -> dict[int, dict[str, int]]:
    """By the number of frames: those of the largest call, and bytes that its step needs beside the
    weights."""
    from vinf_jax.parallel.mesh import make_mesh
    from vinf_jax.systems.video_infinity import VideoInfinity
    from vinf_jax.systems.video_infinity.budget import Budget
    from vinf_jax.systems.video_infinity.fitting import largest
    from vinf_jax.systems.video_infinity.networks import NETWORKS

    model = VideoInfinity.load(weights)
    networks = {name: getattr(model, name) for name in NETWORKS}
    given: dict[str, Any] = {"schedule": model.schedule, "settings": model.settings, "here": True}
    sizes = dict[tuple[int, bool], int]()
    found = {}
    for frames in lengths:
        call = largest(model.begin(PROMPTS, frames=frames, **MEMORY).waves)
        size = len(call.numbers), not call.plain
        if size not in sizes:
            budget = Budget(networks, mesh=make_mesh(1), frames=size[0], held=size[1], **given)
            sizes[size] = budget.step_memory
        found[frames] = {"frames_of_a_call": size[0], "step_bytes_of_the_device": sizes[size]}
    return found


def _make(weights: Path, frames: int) -> None:
    """One video of so many frames, its latents in a file."""
    from vinf_jax.systems.video_infinity import VideoInfinity

    model = VideoInfinity.load(weights)
    making = model.begin(PROMPTS, frames=frames, **MEMORY)
    with tempfile.TemporaryDirectory() as folder:
        shape = (frames, *making.shape)
        kept = np.lib.format.open_memmap(f"{folder}/latents.npy", "w+", making.dtype, shape)
        for index, wave in enumerate(making.waves):
            latents = making.wave(index, lambda numbers: kept[list(numbers)])
            kept[list(wave.made)] = latents
            kept.flush()
            for _ in making.decode(latents):
                pass


def _joins(weights: Path, seeds: Sequence[int], joined: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What was found so far, after every seed."""
    import jax

    from vinf_jax.systems.video_infinity import VideoInfinity

    model = VideoInfinity.load(weights)
    joined = {"scope": model.settings.scope} | joined
    first = model.begin(PROMPTS[:1], **joined)
    places = [wave.made[0] - 1 for wave in first.waves[1:]]
    found: list[dict[str, Any]] = []
    plain_way = {name: joined[name] for name in ("frames", "scope")}
    for seed in seeds:
        wish: dict[str, Any] = {"prompts": [PROMPTS[seed % len(PROMPTS)]], "seed": seed}
        waved = _ratio(model.generate(**wish, **joined), places)
        plain = _ratio(model.generate(**wish, **plain_way), places)
        found.append({"seed": seed, "waved": waved, "unwaved": plain})
        how = {"known_time": first.request.known_time, "steps": first.steps}
        ways = {way: _summary([video[way] for video in found]) for way in ("waved", "unwaved")}
        how["device"] = jax.devices()[0].device_kind
        yield joined | how | ways | {"videos": found}


def _summary(videos: list[dict[str, float]]) -> dict[str, float]:
    """Of the ratios the mean, median and largest, and how many stay within what is asked; the mean
    change inside, and the ratio of all changes together."""
    ratios = [video["ratio"] for video in videos]
    across, inside = (float(np.mean([video[name] for video in videos])) for name in CHANGES)
    found = {"mean": np.mean(ratios), "median": np.median(ratios), "largest": np.max(ratios)}
    found |= {"together": across / inside, "inside": inside}
    within = sum(ratio <= ASKED for ratio in ratios)
    return {name: round(float(x), 4) for name, x in found.items()} | {"within_asked": within}


def _ratio(video: np.ndarray, places: list[int]) -> dict[str, float]:
    """Mean change from frame to frame across the places, inside the rest, and their ratio."""
    change = np.abs(np.diff(video.astype(np.float32), axis=0)).mean((1, 2, 3))
    across = np.isin(np.arange(len(change)), places)
    joins, inside = float(change[across].mean()), float(change[~across].mean())
    return {"across": joins, "inside": inside, "ratio": joins / inside}


def _options() -> argparse.Namespace:
    to = argparse.ArgumentParser(description=__doc__)
    to.add_argument("--weights", type=Path, required=True, help="folder of a text-to-video model")
    to.add_argument("--out", type=Path, default=Path("benchmarks/waves.json"))
    to.add_argument(
        "--seeds",
        type=int,
        nargs="*",
        default=range(20),
        metavar="SEED",
        help="of the videos with joins (default: 0 to 19)",
    )
    to.add_argument(
        "--joined",
        nargs="*",
        choices=list(JOINED),
        default=list(JOINED),
        help="which videos with joins; what --out says of the others is kept (default: all)",
    )
    to.add_argument(
        "--scope",
        metavar="PRESET:FIELD=VALUE,...",
        help="of the videos with joins, as compare --methods reads it (default: the model's own)",
    )
    to.add_argument("--known-time", type=int, help="of these (default: the model's own)")
    to.add_argument(
        "--lengths",
        type=int,
        nargs="*",
        default=LENGTHS,
        metavar="FRAMES",
        help="whose memory is measured; none: what --out says of it is kept",
    )
    to.add_argument("--frames", type=int, default=0, help=argparse.SUPPRESS)
    return to.parse_args()


if __name__ == "__main__":
    main()
