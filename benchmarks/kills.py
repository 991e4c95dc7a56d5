"""Kills a job with SIGKILL at random moments and amid every kind of write, and compares the end.

    python -m benchmarks.kills --kills 20 --out benchmarks/kills.json

A small model with random weights makes a video in waves with the program, in processes of its own.
A job is killed and gone on with (--resume) until it is finished; then its latents, its segments and
its video are compared byte by byte with those of a job that nobody disturbed. Every second kill
comes at a random time after the job's first word; the others when a file of a given kind (state,
latents, segments, preview, manifest, video) is seen half-written, each kind in turn until it was.
Linux only; some six minutes on 2 cores. Exit status 1 if a byte differs, or a kind was not seen.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.tiny import tiny_model

from .watched import machine

KINDS = ("state", "latents", "segments", "preview", "manifest", "video")
ASKED = "--frames 24 --wave 8 --overlap 2 --clips 2 --steps 6 --seed 1 --save-every 1"
PROMPTS = ("a red square moves left", "a blue disc moves right")
PATIENCE = 3600
"""Seconds after which a process that neither ends nor is killed is an error."""


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tiny_model().save(folder / "weights")
        lasts = [watched(folder, name, "never", 0.0)["seconds"] for name in ("first", "second")]
        wanted = contents(folder / "first")
        print(f"an undisturbed job: {lasts[1]:.1f} s of work", flush=True)
        differing = [f"second: {file}" for file in differences(folder / "second", wanted)]
        killer, jobs = Killer(folder, options.kills, lasts[1], options.seed), 0
        while len(killer.kills) < options.kills:
            name, jobs = f"job-{jobs}", jobs + 1
            killer.finish(name)
            differing += [f"{name}: {file}" for file in differences(folder / name, wanted)]
            print(f"{name} is finished; differing: {differing or 'nothing'}", flush=True)
    found = {
        "command": f"python -m benchmarks.kills --kills {options.kills} --out {options.out}",
        "machine": machine(),
        "asked": ASKED,
        "seconds of an undisturbed job": round(lasts[1], 2),
        "kills by how": killer.hows,
        "kills": killer.kills,
        "jobs": jobs,
        "files compared in each": len(wanted),
        "differing": differing,
        "seconds": round(time.monotonic() - began),
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    unseen = [kind for kind in KINDS if not killer.hows[_how(kind)]]
    if unseen:
        print(f"never seen half-written: {', '.join(unseen)}", flush=True)
    return 1 if differing or unseen else 0


class Killer:
    """Kills jobs, at most `most` times in all. lasts: seconds of an undisturbed one.

    kills: how each came about, and where its job was.
    """

    def __init__(self, folder: Path, most: int, lasts: float, seed: int) -> None:
        self.kills: list[dict[str, Any]] = []
        self._missed = Counter[str]()
        self._folder, self._most, self._lasts = folder, most, lasts
        self._rng = random.Random(seed)

    @property
    def hows(self) -> Counter[str]:
        return Counter(kill["how"] for kill in self.kills)

    def finish(self, name: str) -> None:
        """Kills a job and goes on with it until it is finished."""
        while self._killed(name):
            done = f"kill {len(self.kills)} of {self._most}"
            print(f"{done}: {json.dumps(self.kills[-1])}", flush=True)

    def _killed(self, name: str) -> bool:
        kind = self._rarest() if len(self.kills) % 2 else None
        kind = "never" if len(self.kills) == self._most else kind
        one = watched(self._folder, name, kind, self._rng.uniform(0, self._lasts))
        if one["killed"]:
            said = _manifest(self._folder / name)
            at = json.loads(said)["facts"]["progress"] if said else "before the first manifest"
            self.kills.append({"job": name, "how": _how(kind), "seconds": one["seconds"], "at": at})
        elif kind:
            self._missed[kind] += 1
        return one["killed"]

    def _rarest(self) -> str:
        """The kind of file amid whose writing there were fewest kills, or tries."""
        return min(KINDS, key=lambda kind: self.hows[_how(kind)] + self._missed[kind])


def _how(kind: str | None) -> str:
    return f"half-written: {kind}" if kind else "at random"


def watched(folder: Path, name: str, kind: str | None, after: float) -> dict[str, Any]:
    """Runs a job until it ends, or is killed: `after` so many seconds of work, or where a file of
    the kind is half-written. seconds: of work, the first word on."""
    words: list[Any] = [sys.executable, "-m", "infer", "video_infinity", *ASKED.split(), "--resume"]
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
        due = kind is None and work and now > work + after
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
    place = {"manifest": job, "preview": job, "video": folder}.get(kind, job / kind)
    try:
        names = os.listdir(place)
    except FileNotFoundError:
        return False
    ours = {"manifest": ".manifest", "preview": ".preview", "video": ".a.mp4"}.get(kind, ".")
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
