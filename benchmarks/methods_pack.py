"""Packs what is known of a comparison's videos, and not their frames, to be kept in a repository.

    python -m benchmarks.methods_pack out/methods/recorded benchmarks/methods

Writes FOLDER/videos-64.tar.xz and so on, one for each length: of every video its record, its
measures and its windows' features. Unpacked into an empty folder (`tar xf`), the comparison's
tables can be made of it, and `compare` goes on from there and makes none of these videos again.
The same videos give the same bytes. Weights that lie in this checkout are named from its root.
"""

import argparse
import io
import json
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from infer.films import MEASURES
from vinf_jax.media.target import replacing

ROOT = Path(__file__).resolve().parent.parent
ENDINGS = (".json", MEASURES, ".windows.npy")


def main(argv: Sequence[str]) -> int:
    to = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    to.add_argument("comparison", type=Path, help="--out of compare")
    to.add_argument("folder", type=Path, help="where the archives go")
    options = to.parse_args(argv)
    for length in lengths(options.comparison):
        file = options.folder / f"videos-{length}.tar.xz"
        count = pack(options.comparison, length, file)
        print(f"{file}: {count} videos, {file.stat().st_size / 1e6:.2f} MB")
    return 0


def lengths(comparison: Path) -> list[int]:
    """Frames that there are videos of."""
    return sorted({int(path.parent.parent.name) for path in comparison.glob(f"*/*/*{MEASURES}")})


def pack(comparison: Path, length: int, file: Path) -> int:
    """Archives all measured videos of so many frames; returns how many."""
    found = sorted(comparison.glob(f"{length}/*/*{MEASURES}"))
    with replacing(file, True) as temporary, tarfile.open(temporary, "w:xz", preset=9) as archive:
        for measures in found:
            stem = measures.name.removesuffix(MEASURES)
            for path in (measures.with_name(stem + ending) for ending in ENDINGS):
                if path.is_file():
                    data = _content(path)
                    entry = tarfile.TarInfo(path.relative_to(comparison).as_posix())
                    entry.size = len(data)
                    archive.addfile(entry, io.BytesIO(data))
    return len(found)


def _content(path: Path) -> bytes:
    """A file, its weights' folder named from the checkout's root where it lies there."""
    data = path.read_bytes()
    if path.suffix != ".json" or path.name.endswith(MEASURES):
        return data
    record = json.loads(data)
    weights = record.get("weights") or {}
    if "folder" in weights and Path(weights["folder"]).is_relative_to(ROOT):
        weights["folder"] = Path(weights["folder"]).relative_to(ROOT).as_posix()
    return (json.dumps(record, indent=2) + "\n").encode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
