"""Parameters as flat dictionaries of dotted names, and quick abstract construction."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

M = TypeVar("M", bound=nnx.Module)


class _OneKey:
    """Answers every request for a key with the same one. nnx.Rngs counts its calls in a Variable,
    which makes abstract construction quadratic on jax 0.10."""

    def __init__(self) -> None:
        self._key = jax.random.key(0)

    def __getattr__(self, stream: str) -> Callable[[], Array]:
        return lambda: self._key


def abstract(build: Callable[..., M]) -> M:
    """The module that `build(rngs)` makes, with shapes and dtypes in place of values."""
    return nnx.eval_shape(lambda: build(_OneKey()))


def flat(module: nnx.Module) -> dict[str, Any]:
    """The module's parameters by dotted name, e.g. 'mid_block.resnets.0.conv1.kernel'."""
    return split(module)[1]


def split(module: nnx.Module) -> tuple[Any, dict[str, Any]]:
    """(graphdef, flat parameters): what a compiled function takes. `merge` is the inverse."""
    graphdef, state = nnx.split(module)
    leaves = nnx.to_flat_state(state)
    return graphdef, {".".join(map(str, path)): leaf.get_value() for path, leaf in leaves}


def merge(graphdef: Any, parameters: Mapping[str, Any]) -> Any:
    """The module with these parameters in place."""
    return nnx.merge(graphdef, nested(parameters))


def dtype_of(parameters: Mapping[str, Any]) -> Any:
    """The dtype of a network: the widest of its parameters'."""
    return jnp.result_type(*{x.dtype for x in parameters.values()})


def nested(parameters: Mapping[str, Any]) -> dict:
    """Dotted names as nested dictionaries; numbers in names index lists."""
    tree: dict = {}
    for name, value in parameters.items():
        *path, leaf = [int(part) if part.isdigit() else part for part in name.split(".")]
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[leaf] = value
    return tree
