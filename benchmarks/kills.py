"""Kills a job with SIGKILL at random moments and amid every kind of write, and compares the end.

    python -m benchmarks.kills --kills 20 --out benchmarks/kills.json

A small model with random weights makes a video in waves with the program, in processes of its own.
A job is killed and gone on with (--resume) until it is finished; then its latents, its segments and
its video are compared byte by byte with those of a job that nobody disturbed. Every second kill
comes at a random time after the job's first word; the others when a file of a given kind (state,
latents, segments, manifest, video) is seen half-written. Linux only. Exit status 1 if a byte
differs.
"""

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.tiny import tiny_model

from .watched import machine

KINDS = ("state", "latents", "segments", "manifest", "video")
ASKED = "--frames 24 --wave 8 --overlap 2 --clips 2 --steps 6 --seed 1 --save-every 1"
PROMPTS = ("a red square moves left", "a blue disc moves right")
PATIENCE = 3600
"""Seconds after which a process that neither ends nor is killed is an error."""


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    rng = random.Random(options.seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tiny_model().save(folder / "weights")
        print("undisturbed", flush=True)
        lasts = watched(folder, "whole", None, 0.0)["seconds"]
        wanted = contents(folder / "whole")
        kills, differing, jobs = [], [], 0
        while len(kills) < options.kills:
            name, jobs = f"job-{jobs}", jobs + 1
            kills += disturbed(folder, name, options.kills - len(kills), lasts, rng)
            differing += [f"{name}: {file}" for file in differences(folder / name, wanted)]
            print(name, len(kills), differing, flush=True)
    found = {
        "command": f"python -m benchmarks.kills --kills {options.kills} --out {options.out}",
        "machine": machine(),
        "asked": ASKED,
        "kills": kills,
        "jobs": jobs,
        "files compared in each": len(wanted),
        "differing": differing,
        "seconds": round(time.monotonic() - began),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if differing else 0


def disturbed(
    folder: Path, name: str, most: int, lasts: float, rng: random.Random
) -> list[dict[str, Any]]:
    """Kills a job until it is finished, at most `most` times; how it was killed."""
    kills: list[dict[str, Any]] = []
    for n in itertools.count():
        kind = KINDS[(n // 2) % len(KINDS)] if n % 2 else None
        kind = "never" if len(kills) == most else kind
        one = watched(folder, name, kind, rng.uniform(0, 0.8 * lasts))
        if not one["killed"]:
            return kills
        said = json.loads((folder / name / "a.job" / "manifest.json").read_text())["facts"]
        how = f"half-written: {kind}" if kind else "at random"
        kills.append({"how": how, "seconds": one["seconds"], "at": said["progress"]})


def watched(folder: Path, name: str, kind: str | None, after: float) -> dict[str, Any]:
    """Runs a job until it ends, or is killed: `after` so many seconds of work, or where a file of
    the kind is half-written. seconds: of work, the first word on."""
    words = [sys.executable, "-m", "infer", "video_infinity", *ASKED.split(), "--resume"]
    words += ["--weights", folder / "weights", "--compile-cache", folder / "compiled"]
    words += ["--out", folder / name / "a.mp4", "--prompts", *PROMPTS]
    before = _manifest(folder / name)
    child = subprocess.Popen(
        list(map(str, words)),
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    began, work = time.monotonic(), None
    while child.poll() is None:
        now = time.monotonic()
        if now > began + PATIENCE:
            raise TimeoutError(f"{name} has not ended for {PATIENCE} s")
        if work is None and _manifest(folder / name) != before:
            work = now
        due = kind is None and after and work and now > work + after
        if due or (kind in KINDS and half_written(folder / name, kind)):
            child.kill()
            child.wait()
            return {"killed": True, "seconds": round(now - (work or now), 3)}
        time.sleep(0.0003)
    if child.returncode:
        raise RuntimeError(f"{name} ended with status {child.returncode}")
    return {"killed": False, "seconds": time.monotonic() - (work or began)}


def half_written(folder: Path, kind: str) -> bool:
    """Whether a file of this kind is being written."""
    job = folder / "a.job"
    place = {"manifest": job, "video": folder}.get(kind, job / kind)
    try:
        names = os.listdir(place)
    except FileNotFoundError:
        return False
    ours = {"manifest": ".manifest", "video": ".a.mp4"}.get(kind, ".")
    return any(name.startswith(ours) for name in names)


def contents(folder: Path) -> dict[str, bytes]:
    """Latents, segments and the video of a job."""
    files = [*folder.rglob("*.safetensors"), *folder.rglob("*.mp4")]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def differences(folder: Path, wanted: dict[str, bytes]) -> list[str]:
    found = contents(folder)
    return [name for name in {*found, *wanted} if found.get(name) != wanted.get(name)]


def _manifest(folder: Path) -> bytes:
    try:
        return (folder / "a.job" / "manifest.json").read_bytes()
    except FileNotFoundError:
        return b""


def _parser() -> argparse.ArgumentParser:
    to = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    to.add_argument("--kills", type=int, default=20)
    to.add_argument("--seed", type=int, default=0)
    to.add_argument("--out", type=Path, default=Path("benchmarks/kills.json"))
    return to


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
