"""One call of VideoCrafter2's UNet at full size, here and in diffusers, with the same weights.

    python -m benchmarks.full_size_unet --out benchmarks/full_size_unet.json

Needs torch and diffusers beside this project, 6 GB of disk and 10 GB of memory. The weights are
random, written as a diffusers folder; 4 frames of 40 x 64 latents, float32. diffusers' class has no
place for a frame rate: what ours adds to the embedding of time is added to its own. Each side runs
in processes of its own, in turns; one call of each process warms up and is not counted, and
compiling is timed apart. Memory is anonymous memory, less what a bare interpreter has.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from convert import component_configs, naming
from convert import model as models
from tests.checkpoint.torch_files import Made
from tests.parity import formula
from tests.parity import interoperability as public
from vinf_jax.checkpoint.mapping import source_shapes
from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.checkpoint.torch_file import open_tensors
from vinf_jax.nn.parameters import merge, split
from vinf_jax.systems.video_infinity.networks import built

from .watched import machine, run

COMMAND = "python -m benchmarks.full_size_unet --out benchmarks/full_size_unet.json"
UNET = {"unet": public.FULL["unet"] | {"fps_conditioned": True}}
FRAMES, HEIGHT, WIDTH, TIME, RATE = 4, 40, 64, 501, 24
LATENTS = formula.normal(1, 1, FRAMES, HEIGHT, WIDTH, 4).astype(np.float32)
TEXT = formula.normal(2, 1, 77, 1024).astype(np.float32)


def main() -> None:
    """Measures and writes the record, or is one of the processes that are measured."""
    options = _options()
    if options.side:
        SIDES[options.side](options.folder, options.calls)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        record = _measured(Path(folder), options.rounds, options.calls)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(options.out.read_text())


def _measured(folder: Path, rounds: int, calls: int) -> dict[str, Any]:
    _write(folder / "unet")
    idle = run("-c", "import time; time.sleep(1)")["anonymous_bytes"]
    words = ("-m", "benchmarks.full_size_unet", "--folder", folder, "--calls", calls, "--side")
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side, found in runs.items():
            watched = run(*words, side, less=idle)
            if watched["status"]:
                raise RuntimeError(f"the process of {side} ended with {watched['status']}")
            found.append(json.loads((folder / f"{side}.json").read_text()) | watched)
    ours, theirs = (np.load(folder / f"{side}.npy").astype(np.float64) for side in SIDES)
    seconds = {side: [s for r in found for s in r["calls"]] for side, found in runs.items()}
    median = {side: statistics.median(found) for side, found in seconds.items()}
    return {
        "command": f"{COMMAND} --rounds {rounds} --calls {calls}",
        "sizes": {
            "frames": FRAMES,
            "latents": [HEIGHT, WIDTH],
            "parameters": sum(int(np.prod(shape)) for shape, _ in _shapes().values()),
            "dtype": "float32",
        },
        "output_std": float(theirs.std()),
        "largest_difference": float(np.abs(ours - theirs).max()),
        "median_seconds_of_a_call": {side: round(x, 3) for side, x in median.items()},
        "ours_over_theirs": round(median["ours"] / median["theirs"], 3),
        "peak_anonymous_bytes": {
            side: max(r["anonymous_bytes"] for r in found) for side, found in runs.items()
        },
        "runs": runs,
        "machine": machine(),
        "versions": {
            name: version(name) for name in ("jax", "flax", "numpy", "torch", "diffusers")
        },
    }


def _shapes() -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    _, like = split(built(UNET)["unet"])
    rows = naming.naming_of("unet", "diffusers").rows(UNET["unet"])
    shapes = source_shapes(rows, like)
    return {name: (tuple(shape), np.dtype(np.float32)) for name, shape in shapes.items()}


def _write(folder: Path) -> None:
    folder.mkdir()
    shapes = _shapes()
    tensors = {
        name: Made(shape, kind, partial(_weight, name, shape))
        for name, (shape, kind) in shapes.items()
    }
    write_safetensors(folder / "diffusion_pytorch_model.safetensors", tensors, shapes=shapes)
    config = component_configs.OF["unet"](UNET["unet"], component_configs.LATENT_SCALE)
    (folder / "config.json").write_text(json.dumps(config))


def _weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return formula.weight(name, shape).astype(np.float32)


def _ours(folder: Path, calls: int) -> None:
    import jax
    import jax.numpy as jnp

    began = time.monotonic()
    source = models.read(folder)
    graph, like = split(built(UNET)["unet"])
    weights = {name: jnp.asarray(source.arrays[f"unet.{name}"]) for name in like}
    inputs = (jnp.asarray(LATENTS), jnp.array([TIME]), jnp.asarray(TEXT))
    jax.block_until_ready(weights)
    loaded = time.monotonic()
    call = jax.jit(lambda weights, *inputs: merge(graph, weights)(*inputs, RATE))
    compiled = call.lower(weights, *inputs).compile()
    took = {"load": loaded - began, "compile": time.monotonic() - loaded}
    _record(folder, "ours", took, calls, lambda: np.asarray(compiled(weights, *inputs)))


def _theirs(folder: Path, calls: int) -> None:
    import torch
    from diffusers import UNet3DConditionModel

    began = time.monotonic()
    source = models.read(folder)
    (file,) = (folder / "unet").glob("*.safetensors")
    stored = open_tensors(file)
    with torch.device("meta"):
        model = UNet3DConditionModel.from_config(UNet3DConditionModel.load_config(folder / "unet"))
    tensors = {n: torch.from_numpy(np.array(stored[n])) for n in stored if n not in public.FPS}
    model.load_state_dict(tensors, strict=True, assign=True)
    del tensors
    model.eval()
    said = torch.from_numpy(public.frame_rate(source.arrays, UNET["unet"]["channels"][0], RATE))
    model.time_embedding.register_forward_hook(lambda *call: call[-1] + said)
    latents = torch.from_numpy(np.ascontiguousarray(LATENTS.transpose(0, 4, 1, 2, 3)))
    inputs = (latents, torch.tensor(TIME), torch.from_numpy(TEXT))

    def call() -> np.ndarray:
        with torch.no_grad():
            return model(*inputs).sample.numpy().transpose(0, 2, 3, 4, 1)

    _record(folder, "theirs", {"load": time.monotonic() - began}, calls, call)


def _record(
    folder: Path, side: str, took: dict[str, float], calls: int, call: Callable[[], np.ndarray]
) -> None:
    """Writes seconds and the answer; the first call warms up."""
    seconds = []
    for _ in range(1 + calls):
        began = time.monotonic()
        answer = call()
        seconds.append(round(time.monotonic() - began, 3))
    np.save(folder / f"{side}.npy", answer)
    record = {name: round(x, 1) for name, x in took.items()}
    record |= {"first_call": seconds[0], "calls": seconds[1:]}
    (folder / f"{side}.json").write_text(json.dumps(record))


SIDES: dict[str, Callable[[Path, int], None]] = {"ours": _ours, "theirs": _theirs}


def _options() -> argparse.Namespace:
    to = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    to.add_argument("--out", type=Path, default=Path("full_size_unet.json"), help="the record")
    to.add_argument("--folder", type=Path, help="where the files are made (default: temporary)")
    to.add_argument("--rounds", type=int, default=2, help="processes of each side (default: 2)")
    to.add_argument("--calls", type=int, default=2, help="counted calls of each (default: 2)")
    to.add_argument("--side", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    return to.parse_args()


if __name__ == "__main__":
    sys.exit(main())
