"""What importing VideoCrafter2's model.ckpt takes, at full size: memory, seconds, and a comparison.

    python -m benchmarks.import_memory --out benchmarks/import_memory.json

Builds a file of the published size and names with random numbers (7.4 GB), imports it with the
program, compares both with the program, and loads the result as `generate` does. Needs 23 GB of
disk and 10 GB of memory. Peaks are of anonymous memory (RssAnon of /proc/PID/status, read every 20
milliseconds), less what a bare interpreter has: pages of files that are mapped do not count, the
system takes them back when it likes. Linux only. Exit status 1 if a bound does not hold.
"""

import argparse
import json
import sys
import tempfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.checkpoint.torch_files import Made
from tests.convert import sources
from vinf_jax.checkpoint.mapping import place, source_shapes
from vinf_jax.nn.networks import parameters
from vinf_jax.systems.video_infinity.networks import built

from .watched import machine, run

FULL: dict[str, dict[str, Any]] = {
    "unet": {
        "channels": (320, 640, 1280, 1280),
        "layers": 2,
        "attention": (True, True, True, False),
        "fps_conditioned": True,
    },
    "autoencoder": {"channels": (128, 256, 512, 512), "layers": 2},
    "text_encoder": {"layers": 23, "width": 1024},
}
MOST_MEMORY, MOST_SECONDS, MOST_RATIO = 3e9, 180, 1.3
LOAD = """
import sys
from vinf_jax.systems.video_infinity import VideoInfinity
VideoInfinity.load(sys.argv[1])
"""


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        record = _measured(Path(folder))
    print(json.dumps(record, indent=1))
    if options.out:
        options.out.write_text(json.dumps(record, indent=1) + "\n")
    return 0 if all(record["holds"].values()) else 1


def _measured(folder: Path) -> dict[str, Any]:
    source, model = folder / "model.ckpt", folder / "model"
    tensors = dict(_tensors())
    sources.write_lvdm(source, tensors)
    idle = run("-c", "import time; time.sleep(1)")["anonymous_bytes"]
    convert = partial(run, "-m", "convert", less=idle)
    runs = {
        "import": convert("import", source, model),
        "verify": convert("verify", source, model),
        "load": run("-c", LOAD, model, less=idle),
    }
    weights = 4 * sum(int(np.prod(x.shape)) for x in parameters(built(FULL)).values())
    ratio = runs["load"]["anonymous_bytes"] / weights
    return {
        "source": {"tensors": len(tensors), "bytes": source.stat().st_size},
        "weights_bytes": weights,
        "model_folder_bytes": sum(f.stat().st_size for f in model.rglob("*") if f.is_file()),
        "interpreter_anonymous_bytes": idle,
        "runs": runs,
        "load_over_weights": round(ratio, 3),
        "holds": {
            "import_memory": runs["import"]["anonymous_bytes"] <= MOST_MEMORY,
            "import_seconds": runs["import"]["seconds"] <= MOST_SECONDS,
            "load_memory": ratio <= MOST_RATIO,
            "everything_agrees": runs["verify"]["status"] == 0,
        },
        "machine": machine(),
    }


def _tensors() -> Iterator[tuple[str, Any]]:
    """Name and promise of every tensor of the published file; its 13 buffers are real."""
    yield from sources.buffers().items()
    shapes = {name: shape for part in FULL for name, shape in _named(part).items()}
    for name, shape in (shapes | _unused()).items():
        yield name, Made(shape, np.dtype(np.float32), partial(_random, name, shape))


def _named(part: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a component's tensors."""
    chosen = {name: FULL[part][name] for name in sources.TABLES[part]}
    rows = place(sources.LVDM[part].table(**chosen), part, sources.LVDM_PREFIXES[part])
    return source_shapes(rows, parameters(built({part: FULL[part]})))


def _unused() -> dict[str, tuple[int, ...]]:
    """The text tower's last layer, of the shapes of the one before, and what follows it."""
    prefix, text = sources.LVDM_PREFIXES["text_encoder"], FULL["text_encoder"]
    before, last = (f"{prefix}.transformer.resblocks.{text['layers'] - n}." for n in (1, 0))
    known = _named("text_encoder").items()
    layer = {last + n.removeprefix(before): s for n, s in known if n.startswith(before)}
    return layer | {
        f"{prefix}.text_projection": (text["width"], text["width"]),
        f"{prefix}.logit_scale": (),
    }


def _random(name: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return np.asarray(rng.standard_normal(shape, np.float32) * np.float32(0.02), np.float32)


def _options() -> argparse.Namespace:
    to = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    to.add_argument("--folder", type=Path, help="where the files are made (default: temporary)")
    to.add_argument("--out", type=Path, help="the record, as JSON")
    return to.parse_args()


if __name__ == "__main__":
    sys.exit(main())
