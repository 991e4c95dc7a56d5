"""Networks compiled layer by layer, as most layers of a network are alike."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import jax
from flax import nnx

from vinf_jax.nn.parameters import merge, split


@contextmanager
def layerwise(*kinds: type[nnx.Module]) -> Iterator[None]:
    """Meanwhile each layer of these kinds is a program of its own, and those that differ in nothing
    but parameters are the same program; what is between them runs as it is."""
    plain = {kind: kind.__call__ for kind in kinds}
    try:
        for kind, method in plain.items():
            kind.__call__ = _compiled(method)
        yield
    finally:
        for kind, method in plain.items():
            kind.__call__ = method


def _compiled(method: Callable) -> Callable:
    @partial(jax.jit, static_argnums=0)
    def run(graph, parameters, *given):
        return method(merge(graph, parameters), *given)

    return lambda module, *given: run(*split(module), *given)
