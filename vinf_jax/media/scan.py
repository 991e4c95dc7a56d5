"""Looking through all files of a data set once, for their lengths and sizes."""

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vinf_jax.media.footage import BadClip, Footage
from vinf_jax.media.target import replacing
from vinf_jax.media.workers import ordered

_FORMAT = "vinf_jax scan 1"


def scan(
    probe: Callable[[Path], Footage],
    folder: Path,
    names: Sequence[str],
    *,
    cache: Path | None = None,
    workers: int = 0,
) -> tuple[dict[str, Footage], dict[str, str]]:
    """What is known of the clips, and the reasons why some cannot be used, both by name.

    Args:
      probe: looks into one file.
      cache: a file that remembers, so that only files that are new or changed since (by size and
        time) are looked into; it is written when there were any.
      workers: processes that share the work.
    """
    before = _remembered(cache)
    stats = {name: _stat(folder / name) for name in names}
    known = {
        name: Footage.from_json(before[name])
        for name in names
        if name in before and before[name]["stat"] == stats[name]
    }
    fresh = [name for name in names if name not in known]
    work = _Probing(probe, folder, tuple(fresh))
    troubles = {}
    answers = ordered(work, range(len(fresh)), workers=workers, ahead=8 * workers)
    for name, found in zip(fresh, answers, strict=True):
        if isinstance(found, Footage):
            known[name] = found
        else:
            troubles[name] = found
    if cache is not None and fresh:
        said = {name: found.to_json() | {"stat": stats[name]} for name, found in known.items()}
        with replacing(cache, overwrite=True) as temporary:
            temporary.write_text(json.dumps({"format": _FORMAT, "clips": before | said}))
    return {name: known[name] for name in names if name in known}, troubles


@dataclasses.dataclass(frozen=True)
class _Probing:
    probe: Callable[[Path], Footage]
    folder: Path
    names: tuple[str, ...]

    def __call__(self, item: int, at: Callable[[int], None]) -> Footage | str:
        at(item)
        try:
            return self.probe(self.folder / self.names[item])
        except BadClip as error:
            return str(error)

    def named(self, number: int) -> str:
        return self.names[number]


def _stat(path: Path) -> list[int]:
    """Size and time; of a folder also those of its first file, which may be written anew without a
    trace in the folder's own."""
    try:
        first = [min(path.iterdir())] if path.is_dir() else []
        found = [os.stat(each) for each in (path, *first)]
    except (OSError, ValueError):
        return []
    return [number for each in found for number in (each.st_size, each.st_mtime_ns)]


def _remembered(cache: Path | None) -> dict[str, Any]:
    if cache is None or not cache.exists():
        return {}
    try:
        said = json.loads(cache.read_text())
    except (ValueError, OSError) as error:
        raise ValueError(f"{cache} cannot be read as a scan; remove it: {error}") from error
    if not isinstance(said, dict) or said.get("format") != _FORMAT:
        raise ValueError(f"{cache} is no scan of this version of vinf_jax; remove it")
    return said["clips"]
