"""Optimisers that take arrays of one kind together.

An optimiser that looks at hundreds of small arrays one by one costs an accelerator more than the
network: every operation on every one of them is started by itself.
"""

from collections.abc import Mapping
from typing import Any, cast

import jax.numpy as jnp
import optax
from jax import Array

Arrays = Mapping[str, Array]
REST = "rest"
"""The name of what is no kernel, one row of numbers."""


def stacked(rule: optax.GradientTransformation) -> optax.GradientTransformation:
    """`rule` on `stacks` of the parameters: for rules that treat every kernel by itself and every
    number of the rest by itself, the same moves, up to rounding."""

    def init(params: Any) -> Any:
        return rule.init(stacks(params))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        given = None if params is None else stacks(params)
        moves, state = rule.update(stacks(updates), state, given)
        return parts(cast("Arrays", moves), updates), state

    return optax.GradientTransformation(init, update)


def stacks(tree: Arrays) -> dict[str, Array]:
    """Kernels of one shape (I, ..., O) as "I x ... x O.kernel" (N, I, ..., O), in the order of
    their names; all else as `REST`, one after the other."""
    together = {stack: jnp.stack([tree[n] for n in names]) for stack, names in _kernels(tree)}
    rest = [tree[name].ravel() for name in _rest(tree)]
    return together | ({REST: jnp.concatenate(rest)} if rest else {})


def parts(together: Arrays, like: Arrays) -> dict[str, Array]:
    """The inverse of `stacks`; `like` gives names and shapes."""
    found = {}
    for stack, names in _kernels(like):
        found |= dict(zip(names, together[stack], strict=True))
    at = 0
    for name in _rest(like):
        x = like[name]
        found[name] = together[REST][at : at + x.size].reshape(x.shape)
        at += x.size
    return {name: found[name] for name in like}


def _kernels(tree: Arrays) -> list[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for name in sorted(tree):
        if name.endswith(".kernel"):
            shape = "x".join(map(str, tree[name].shape))
            groups.setdefault(f"{shape}.kernel", []).append(name)
    return list(groups.items())


def _rest(tree: Arrays) -> list[str]:
    return [name for name in sorted(tree) if not name.endswith(".kernel")]
