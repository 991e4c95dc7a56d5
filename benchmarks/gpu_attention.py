"""The attentions of VideoCrafter2 on their own: ours, and jax's by XLA and by cuDNN."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vinf_jax.nn.attention import attend, softmax_over

from .paired import spread

SHAPES = {
    "frame, 40x64": (48, 2560, 2560, 5),
    "frame, 20x32": (48, 640, 640, 10),
    "text, 40x64": (48, 2560, 77, 5),
    "time, 24 frames": (5120, 24, 24, 5),
    "time, local and global": (5120, 24, 56, 5),
}
"""(batch, queries, keys, heads) of 24 frames with guidance; heads have 64 features."""
REPEATS = 10


def results(tiny: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Seconds of each way, and its largest difference from ours; why, where it does not serve."""
    for name, (batch, queries, keys, heads) in SHAPES.items():
        batch, dtype = (2, jnp.float32) if tiny else (batch, jnp.bfloat16)
        queries, keys = (min(queries, 16), min(keys, 16)) if tiny else (queries, keys)
        draws = jax.random.split(jax.random.key(0), 3)
        lengths = (queries, keys, keys)
        given = [
            jax.random.normal(key, (batch, length, heads, 64), dtype)
            for key, length in zip(draws, lengths, strict=True)
        ]
        yield name, _compared(given) | {"flops": 4.0 * batch * heads * queries * keys * 64}


def _compared(given: list[jax.Array]) -> dict[str, Any]:
    ours = np.asarray(attend(*given).astype(jnp.float32))
    return {name: _measured(way, given, ours) for name, way in WAYS.items()}


def _measured(way: Callable, given: list[jax.Array], ours: np.ndarray) -> dict[str, Any]:
    try:
        run = jax.jit(way)
        out = np.asarray(run(*given).astype(jnp.float32))
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(REPEATS):
                last = run(*given)
            jax.block_until_ready(last)
            seconds.append((time.perf_counter() - began) / REPEATS)
    except Exception as error:  # whatever the library refuses with is the result
        return {"failed": str(error).splitlines()[0][:200]}
    return {"seconds": spread(seconds), "largest_difference": float(np.abs(out - ours).max())}


def _jax(implementation: str) -> Callable:
    return lambda q, k, v: jax.nn.dot_product_attention(q, k, v, implementation=implementation)


WAYS = {
    "ours": attend,
    "products": lambda q, k, v: softmax_over(q, [(k, v)]),
    "xla": _jax("xla"),
    "cudnn": _jax("cudnn"),
}
