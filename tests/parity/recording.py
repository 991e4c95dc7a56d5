"""What modules put out on the way, without a word in the model's own code."""

from collections.abc import Callable, Iterable

import jax.numpy as jnp
from flax import nnx


def record(
    model: nnx.Module, names: Iterable[str], call: Callable[[], object]
) -> tuple[object, dict[str, object]]:
    """`call()`'s result, and the output of every submodule of `model` with one of these names."""
    modules = dict((_dotted(path), module) for path, module in nnx.iter_modules(model))
    wanted = {id(modules[name]): name for name in names}
    seen: dict[str, object] = {}
    plain = {type(modules[name]): type(modules[name]).__call__ for name in wanted.values()}

    def watched(method: Callable) -> Callable:
        def run(module, *args, **more):
            out = method(module, *args, **more)
            if id(module) in wanted:
                seen[wanted[id(module)]] = out
            return out

        return run

    try:
        for kind, method in plain.items():
            kind.__call__ = watched(method)
        return call(), seen
    finally:
        for kind, method in plain.items():
            kind.__call__ = method


def summary(x) -> object:
    """[mean, standard deviation, first, last] of an output (B, F, H, W, C), the deviation of a
    sample as PyTorch's. First and last are the same elements in PyTorch's order of axes."""
    flat = x.reshape(-1)
    return jnp.stack([x.mean(), x.std(ddof=1), flat[0], flat[-1]])


def _dotted(path: tuple) -> str:
    return ".".join(map(str, path))
