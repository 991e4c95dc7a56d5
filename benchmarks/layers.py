"""3x3 convolutions over many sizes of picture: does a size fall off a cliff?

XLA's own convolution of fewer than nine output pixels is up to 60 times slower on CPUs than its
neighbours (specification of this project, measured with jaxlib 0.10.2), and small models live on
such pictures. Each size is computed by our layer, by XLA's convolution as it stands and, where it
is installed, by PyTorch, in turns.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import record
from .paired import Call, compared, in_turns, serve
from .watched import run

FRAMES = 16
SIDES = ("ours", "plain", "eager")
PAIRS = (("ours", "plain"), ("ours", "eager"))


class Size(NamedTuple):
    """Of the output, in pixels; stride of the convolution; channels in and out."""

    height: int
    width: int
    stride: int = 1
    inputs: int = 256
    outputs: int = 256

    def __str__(self) -> str:
        stride = f", stride {self.stride}" if self.stride > 1 else ""
        return f"{self.height}x{self.width}, {self.inputs} to {self.outputs}{stride}"

    @property
    def flops(self) -> int:
        return 2 * 9 * FRAMES * self.height * self.width * self.inputs * self.outputs

    @property
    def repeats(self) -> int:
        """Convolutions of a call, so that a call takes some milliseconds."""
        return max(1, min(20, 1_000_000_000 // self.flops))

    def picture(self) -> np.ndarray:
        """Float32 (N, H, W, C)."""
        shape = (FRAMES, self.height * self.stride, self.width * self.stride, self.inputs)
        return np.random.default_rng(1).standard_normal(shape, np.float32)

    def kernel(self) -> np.ndarray:
        """Float32 (3, 3, I, O)."""
        x = np.random.default_rng(2).standard_normal((3, 3, self.inputs, self.outputs), np.float32)
        return x / np.sqrt(np.float32(9 * self.inputs))


SIZES = (
    *(Size(h, w) for h, w in ((1, 1), (1, 2), (2, 2), (2, 3), (2, 4), (1, 8), (3, 3), (2, 8))),
    Size(2, 2, inputs=512),
    *(Size(h, w) for h, w in ((4, 4), (5, 8), (8, 8))),
    *(Size(h, w, 1, 128, 128) for h, w in ((16, 16), (20, 32))),
    Size(40, 64, 1, 64, 64),
    *(Size(n, n, 2) for n in (1, 2, 4, 8)),
)
TINY = (Size(1, 2, 1, 8, 8), Size(2, 2, 2, 8, 8))


def main(argv: Sequence[str]) -> int:
    """Measures and writes the record, or is one of the processes that are measured."""
    options = record.parsed(_parser(), argv)
    sizes = TINY if options.rehearse else SIZES
    if options.side:
        _serve(options, sizes)
        return 0
    kept = record.begin("layers", argv, options, frames=FRAMES)
    sides = SIDES[:2] if record.lacking(("torch",)) else SIDES
    words = ("-m", "benchmarks", "layers", *(["--rehearse"] if options.rehearse else []))
    idle = run("-c", "import time; time.sleep(1)")["anonymous_bytes"]
    with tempfile.TemporaryDirectory() as folder:
        files = {side: Path(folder) / f"{side}.npy" for side in sides}
        asked = {side: (*words, "--side", side, "--out", files[side]) for side in sides}
        found = in_turns(asked, options.calls * len(sizes), idle, PAIRS)
        answers = {side: np.load(files[side]) for side in found["runs"]}
    for n, size in enumerate(sizes):
        calls = {side: told["calls"][n :: len(sizes)] for side, told in found["runs"].items()}
        kept.add(str(size), _result(size, calls) | {"mean": _means(answers, n, len(sizes))})
    return 0


def _result(size: Size, calls: dict[str, list[float]]) -> dict[str, Any]:
    """Seconds of one convolution, ratios, and the rate of each side."""
    each = {side: [x / size.repeats for x in seconds] for side, seconds in calls.items()}
    found = compared(each, PAIRS)
    rates = {side: size.flops / x["median"] / 1e9 for side, x in found["seconds"].items()}
    return found | {"gigaflops_per_second": {side: round(x, 1) for side, x in rates.items()}}


def _means(answers: dict[str, np.ndarray], n: int, count: int) -> dict[str, float]:
    """Of the output's absolute values, as each side has them. The first call warms up."""
    return {side: float(values[1 + n]) for side, values in answers.items() if len(values) > n + 1}


def _serve(options: argparse.Namespace, sizes: Sequence[Size]) -> None:
    """One side: every call is of the next size; all of them are warm before the first."""

    def prepare() -> Call:
        calls = [MADE[options.side](size) for size in sizes]
        turn = [-1]

        def call() -> np.ndarray:
            n, turn[0] = turn[0] % len(sizes), turn[0] + 1
            return np.asarray(np.abs(calls[n]()).mean())

        for one in calls:
            one()
        return call

    say = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        serve(prepare, options.out, say)


def _ours(size: Size) -> Call:
    import jax
    import jax.numpy as jnp

    from vinf_jax.nn.conv import FrameConv
    from vinf_jax.nn.parameters import abstract, merge, split

    layer = abstract(
        lambda rngs: FrameConv(size.inputs, size.outputs, stride=size.stride, rngs=rngs)
    )
    graph, _ = split(layer)
    weights = {"kernel": jnp.asarray(size.kernel()), "bias": jnp.zeros(size.outputs)}
    run = jax.jit(lambda weights, x: merge(graph, weights)(x[None])[0])
    return _repeated(size, lambda x: run(weights, x), jnp.asarray(size.picture()))


def _plain(size: Size) -> Call:
    import jax
    import jax.numpy as jnp

    kernel, strides = jnp.asarray(size.kernel()), (size.stride, size.stride)
    names = ("NHWC", "HWIO", "NHWC")
    run = jax.jit(
        lambda kernel, x: jax.lax.conv_general_dilated(
            x, kernel, strides, ((1, 1), (1, 1)), dimension_numbers=names
        )
    )
    return _repeated(size, lambda x: run(kernel, x), jnp.asarray(size.picture()))


def _eager(size: Size) -> Call:
    import torch

    kernel = torch.from_numpy(np.ascontiguousarray(size.kernel().transpose(3, 2, 0, 1)))
    picture = torch.from_numpy(np.ascontiguousarray(size.picture().transpose(0, 3, 1, 2)))
    convolve = torch.nn.functional.conv2d
    return _repeated(size, lambda x: convolve(x, kernel, stride=size.stride, padding=1), picture)


def _repeated(size: Size, convolve: Any, x: Any) -> Call:
    def call() -> np.ndarray:
        for _ in range(size.repeats):
            out = convolve(x)
        return np.asarray(out)

    return call


MADE = {"ours": _ours, "plain": _plain, "eager": _eager}


def _parser() -> record.Parser:
    to = record.parser("layers", __doc__, calls=7)
    to.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    return to
