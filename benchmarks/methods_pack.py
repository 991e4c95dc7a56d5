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

from infer.benchmark import CHECKOUT
from infer.films import MEASURES
from vinf_jax.media.target import replacing


def main(argv: Sequence[str]) -> int:
    to = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    to.add_argument("comparison", type=Path, help="--out of compare")
    to.add_argument("folder", type=Path, help="where the archives go")
    options = to.parse_args(argv)
    lengths: dict[str, list[Path]] = {}
    for measures in sorted(options.comparison.glob(f"*/*/*{MEASURES}")):
        lengths.setdefault(measures.parts[-3], []).append(measures)
    if not lengths:
        to.error(f"comparison: {options.comparison} holds no measured video; give compare's --out")
    for length, videos in lengths.items():
        file = options.folder / f"videos-{length}.tar.xz"
        pack(videos, file)
        print(f"{file}: {len(videos)} videos, {file.stat().st_size / 1e6:.2f} MB")
    return 0


def pack(videos: Sequence[Path], file: Path) -> None:
    """Archives the videos that have these files of measures, by length, method and name."""
    with replacing(file, True) as temporary, tarfile.open(temporary, "w:xz", preset=9) as archive:
        for measures in videos:
            stem = measures.name.removesuffix(MEASURES)
            record, windows = (measures.with_name(stem + end) for end in (".json", ".windows.npy"))
            contents = {record: _portable(record), measures: measures.read_bytes()}
            if windows.is_file():
                contents[windows] = windows.read_bytes()
            for path, data in contents.items():
                entry = tarfile.TarInfo("/".join(path.parts[-3:]))
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))


def _portable(path: Path) -> bytes:
    """A record, its weights' folder named from the checkout's root where it lies there."""
    record = json.loads(path.read_text())
    weights = record["weights"]
    if Path(weights["folder"]).is_relative_to(CHECKOUT):
        weights["folder"] = Path(weights["folder"]).relative_to(CHECKOUT).as_posix()
    return (json.dumps(record, indent=2) + "\n").encode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
