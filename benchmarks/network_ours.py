"""The work of `networks` done by this project, as its systems do it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vinf_jax.checkpoint.mapping import convert
from vinf_jax.nn.parameters import merge

from .network_work import RATE, TIME, Work
from .paired import Call


def prepared(work: Work) -> Call:
    """One call; it compiles when it is first made."""
    graph, _ = work.like
    parameters = weights(work)
    given = [x.astype(work.dtype) if x.dtype.kind == "f" else x for x in inputs(work)]
    given = jax.block_until_ready([jnp.asarray(x) for x in given])
    call = jax.jit(function(work, graph))
    return lambda: np.asarray(call(parameters, *given).astype(jnp.float32))


def weights(work: Work) -> dict[str, Any]:
    """By dotted name, on the device."""
    arrays = convert(work.rows(), work.tensors(), work.like[1])
    found = {}
    while arrays:
        name, x = arrays.popitem()
        found[name] = jnp.asarray(x, work.dtype)
    return jax.block_until_ready(found)


def inputs(work: Work) -> tuple[np.ndarray, ...]:
    """Of `function`, behind the weights."""
    if work.part == "unet":
        return work.latents(), work.text()
    return (work.latents()[0],) if work.part == "autoencoder" else (work.tokens(),)


def function(work: Work, graph: Any) -> Callable:
    """(weights, *inputs) -> the answer."""
    if work.part == "unet":
        return lambda weights, x, text: merge(graph, weights)(x, jnp.full(len(x), TIME), text, RATE)
    if work.part == "autoencoder":
        return lambda weights, x: merge(graph, weights).decode(x)
    return lambda weights, tokens: merge(graph, weights)(tokens)


def traced(work: Work) -> Any:
    """The traced call on shapes alone, for counting and compiling."""
    graph, like = work.like
    kinds = {"f": work.dtype, "i": "int32"}
    given = [jax.ShapeDtypeStruct(x.shape, kinds[x.dtype.kind]) for x in inputs(work)]
    shapes = {name: jax.ShapeDtypeStruct(x.shape, work.dtype) for name, x in like.items()}
    return jax.jit(function(work, graph)).trace(shapes, *given)
