"""Waves of a text-to-video model: memory from 500 to 10,000 frames, and what a join looks like.

    python -m benchmarks.waves --weights FOLDER --out benchmarks/waves.json

Memory: each length in a process of its own, latents in a file, pixels counted and dropped; the peak
of anonymous memory (Linux), on the CPU. Sampling takes one step, since memory does not grow with
steps. Joins: of every video the mean absolute difference of neighbouring frames (of 255), across
the joins of waves over that inside waves, and the same of the unwaved video at the same places.
"""

import argparse
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from .watched import machine, run

LENGTHS = (500, 2500, 10_000)
WAVE, OVERLAP = 250, 16
JOINED = {"frames": 96, "wave": 24, "overlap": 16}
PROMPTS = [
    "a red circle moves right over a plain white background",
    "a blue square turns over a striped grey background",
    "a green triangle bounces over a plain black background",
    "a yellow circle moves up over a checkered blue background",
]


def main() -> None:
    """Measures and writes the record, or is one of the processes that are measured."""
    options = _options()
    if options.frames:
        _make(options.weights, options.frames)
        return
    idle = run("-c", "import time; time.sleep(1)")["anonymous_bytes"]
    words = ("-m", "benchmarks.waves", "--weights", options.weights, "--frames")
    memory = {frames: run(*words, frames, less=idle) for frames in LENGTHS}
    if any(found["status"] for found in memory.values()):
        raise RuntimeError(f"a process ended badly: {memory}")
    record = {
        "command": f"python -m benchmarks.waves --seeds {options.seeds}",
        "memory": {"wave": WAVE, "overlap": OVERLAP, "by_frames": memory},
        "joins": _joins(options.weights, options.seeds),
        "machine": machine(),
        "versions": {name: version(name) for name in ("jax", "flax", "numpy")},
    }
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(options.out.read_text())


def _make(weights: Path, frames: int) -> None:
    """One video of so many frames, its latents in a file."""
    from vinf_jax.systems.video_infinity import VideoInfinity

    model = VideoInfinity.load(weights)
    making = model.begin(PROMPTS, frames=frames, wave=WAVE, overlap=OVERLAP, steps=1)
    with tempfile.TemporaryDirectory() as folder:
        shape = (frames, *making.shape)
        kept = np.lib.format.open_memmap(f"{folder}/latents.npy", "w+", making.dtype, shape)
        for index, wave in enumerate(making.waves):
            latents = making.wave(index, lambda numbers: kept[list(numbers)])
            kept[list(wave.made)] = latents
            kept.flush()
            for _ in making.decode(latents):
                pass


def _joins(weights: Path, seeds: int) -> dict[str, Any]:
    from vinf_jax.systems.video_infinity import VideoInfinity

    model = VideoInfinity.load(weights)
    first = model.begin(PROMPTS[:1], **JOINED)
    places = [wave.made[0] - 1 for wave in first.waves[1:]]
    found = []
    for seed in range(seeds):
        wish = {"prompts": [PROMPTS[seed % len(PROMPTS)]], "seed": seed}
        waved = _ratio(model.generate(**wish, **JOINED), places)
        plain = _ratio(model.generate(**wish, frames=JOINED["frames"]), places)
        found.append({"seed": seed, "waved": waved, "unwaved": plain})
    mean = {
        name: float(np.mean([f[name]["ratio"] for f in found])) for name in ("waved", "unwaved")
    }
    return JOINED | {"mean_ratio": mean, "videos": found}


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
    to.add_argument("--seeds", type=int, default=20)
    to.add_argument("--frames", type=int, default=0, help=argparse.SUPPRESS)
    return to.parse_args()


if __name__ == "__main__":
    main()
