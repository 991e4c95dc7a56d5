"""Where a GPU's time goes: kernels of a profile, summed by name and by kind."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

KINDS = {
    "attention": r"fmha|flash|sdpa|mha",
    "convolution": r"conv|fprop|implicit|winograd",
    "matrix product": r"gemm|nvjet|cublas|cutlass|dot|matmul",
    "copy": r"memcpy|memset|copy|transpose",
    "reduction": r"reduce|softmax|norm",
    "other fusion": r"fusion|loop|input|wrapped",
}
"""By patterns in kernels' names, the first that fits."""
NUMBERED = r"(fusion|wrapped)(?:[._]\d+)+$"
"""Ends of the names of XLA's own kernels; the libraries' numbers mean something."""
SHOWN = 40


def table(folder: Path, steps: int) -> dict[str, Any]:
    """Of what `jax.profiler.trace` wrote under a folder: seconds of a step by kind and by kernel.

    Processors' traces hold no kernels: then both are empty.
    """
    from jax.profiler import ProfileData

    planes = [
        plane
        for file in sorted(folder.rglob("*.xplane.pb"))
        for plane in ProfileData.from_file(str(file)).planes
    ]
    return summed(planes, steps)


def summed(planes: Iterable[Any], steps: int) -> dict[str, Any]:
    """planes: with a name, and lines (name, events (name, duration_ns)). Only the lines of streams
    are counted; the others repeat them in other words."""
    seconds, counts = defaultdict[str, float](float), defaultdict[str, int](int)
    for plane in planes:
        if not plane.name.startswith("/device:"):
            continue
        for line in plane.lines:
            if not line.name.startswith("Stream"):
                continue
            for event in line.events:
                name = re.sub(NUMBERED, r"\1", event.name)
                seconds[name] += event.duration_ns / 1e9 / steps
                counts[name] += 1
    kinds = defaultdict[str, float](float)
    for name, spent in seconds.items():
        kinds[kind(name)] += spent
    order = sorted(seconds, key=lambda name: -seconds[name])
    return {
        "busy_seconds": sum(seconds.values()),
        "kinds": dict(sorted(kinds.items(), key=lambda pair: -pair[1])),
        "kernels": [
            {"name": name, "seconds": seconds[name], "calls": counts[name] / steps}
            for name in order[:SHOWN]
        ],
    }


def kind(name: str) -> str:
    """What a kernel does, by its name."""
    low = name.lower()
    return next((kind for kind, words in KINDS.items() if re.search(words, low)), "other")
