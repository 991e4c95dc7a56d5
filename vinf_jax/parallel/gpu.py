"""What a GPU does otherwise than a processor. Nobody else asks where a program runs.

Programs are traced for the default devices: what is said here is fixed then.
"""

import contextlib
import functools
import logging
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

Shaped = Array | jax.ShapeDtypeStruct
HALF = (jnp.bfloat16, jnp.float16)
WIDEST = 128
"""Features of a head that cuDNN's attention serves on all its GPUs, gradients included."""
FEWEST = 32
"""Keys below which its kernel, that treats 64 or 128 at once, is not better than products."""
MOST = 65535
"""Attentions of a call that it serves, each a row of the GPU's grid."""
SCORES = 2**28
"""Of an attention that is computed by products, held at once: 1 GiB in float32."""
TRIED = 4096
"""Queries with which its kernel is tried, at most; it treats more of them alike."""
NEAR = 2e-2
"""Difference from exact numbers, of values near 1, that two half-precision products may have."""

_ELSEWHERE = ContextVar("elsewhere", default=False)


def on_gpu() -> bool:
    return jax.default_backend() == "gpu"


def on_cpu() -> bool:
    """Whether what is traced is to run on this machine's processor."""
    return not on_gpu() and not _ELSEWHERE.get()


@contextlib.contextmanager
def elsewhere() -> Generator[None]:
    """What is traced inside is compiled here only to learn what it takes on another device."""
    token = _ELSEWHERE.set(True)
    try:
        yield
    finally:
        _ELSEWHERE.reset(token)


@contextlib.contextmanager
def unrounded(parameters: Any) -> Generator[None]:
    """Products and convolutions of a network with these parameters keep their precision: by itself
    a GPU rounds the factors of float32 products to TF32, ten bits. What has half precision is left
    alone, and so are processors."""
    half = jnp.result_type(*jax.tree.leaves(parameters)) in HALF
    with contextlib.nullcontext() if half or not on_gpu() else _highest():
        yield


def _highest() -> contextlib.AbstractContextManager[Any]:
    return jax.default_matmul_precision("highest")


def fused(query: Shaped, key: Shaped, *, biased: bool = False, fewest: int = FEWEST) -> bool:
    """Whether cuDNN computes this attention, of query (N, T, heads, d) and key (N, S, heads, d).

    biased: with a logit bias (N, 1, T, S). fewest: keys from which on it is wanted. Its kernel is
    tried once for each size, on the device; where it fails, or its answer is wrong, a line in the
    log says so and XLA's products serve.
    """
    batch, queries, heads, size = query.shape
    fits = query.dtype in HALF and size <= WIDEST and size % 8 == 0 and 0 < batch <= MOST
    fits &= 0 < heads <= MOST and key.shape[1] >= fewest
    tried = min(queries, TRIED), key.shape[1], heads, size, biased, query.dtype
    return fits and on_gpu() and _serves(*tried)


def by_cudnn(query: Array, key: Array, value: Array, bias: Array | None = None) -> Array:
    """Attention of query (N, T, heads, d) to S keys and values, logits with a bias (N, 1, T, S)."""
    return jax.nn.dot_product_attention(query, key, value, bias, implementation="cudnn")


@functools.cache
def _serves(queries: int, keys: int, heads: int, size: int, biased: bool, dtype: Any) -> bool:
    # In a thread of its own: this one is tracing the program that asks.
    with ThreadPoolExecutor(1) as other:
        try:
            sizes = queries, keys, heads, size, biased
            error = other.submit(_error, by_cudnn, *sizes, dtype).result()
            trouble = "" if error < NEAR else f"its answer is {error:.2g} off"
        except Exception as failure:  # whatever refuses is the reason
            trouble = f"{failure}".partition("\n")[0] or type(failure).__name__
    if trouble:
        shape = f"{queries} queries, {keys} keys, {heads} heads of {size} in {jnp.dtype(dtype)}"
        shape += " with a bias" * biased
        logging.getLogger(__name__).warning("cuDNN's attention of %s: %s", shape, trouble)
    return not trouble


def _error(
    attend: Callable[..., Array],
    queries: int,
    keys: int,
    heads: int,
    size: int,
    biased: bool,
    dtype: Any,
) -> float:
    """The largest difference from exact numbers in the first and last query's answers, of the first
    and last head."""
    row = np.random.default_rng(0).standard_normal(2**20 - 1, np.float32).astype(dtype)
    q, k, v = (
        np.resize(np.roll(row, n), (1, length, heads, size))
        for n, length in enumerate((queries, keys, keys))
    )
    bias = np.resize(row, (1, 1, queries, keys)) if biased else None
    found = jax.jit(attend)(q, k, v, *([bias] if biased else []))
    ends = np.ix_([0], [0, -1], [0, -1])
    found = np.asarray(found[ends][0], np.float32)
    q, k, v = (x[0, :, [0, -1]].astype(np.float32) for x in (q[:, [0, -1]], k, v))
    scores = np.einsum("htd,hsd->hts", q, k) / np.sqrt(np.float32(size))
    if bias is not None:
        scores += bias[0, :, [0, -1]].astype(np.float32).swapaxes(0, 1)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    exact = np.einsum("hts,hsd->thd", weights / weights.sum(-1, keepdims=True), v)
    return float(np.abs(found - exact).max())
