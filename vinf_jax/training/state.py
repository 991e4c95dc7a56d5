"""Everything that a training run remembers between two steps, and how one step changes it."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
import optax.contrib
from jax import Array

Parameters = dict[str, Array]
State = dict[str, Any]
Loss = Callable[[Parameters, Any, Array], tuple[Array, Mapping[str, Array]]]


def adam(rate: float, *, steps: int, warmup: int) -> optax.GradientTransformation:
    """Adam with a linear warm-up, a cosine to a hundredth of `rate`, and gradients whose global
    norm is clipped at 1."""
    return _clipped(optax.adam(_schedule(rate, steps, warmup), b2=0.99))


def muon(rate: float, *, steps: int, warmup: int) -> optax.GradientTransformation:
    """Muon (Jordan, 2024) for every kernel, taken as a matrix of inputs by outputs, with updates as
    large as Adam's (arXiv 2502.16982); Adam with Nesterov's momentum for the rest. Warm-up, cosine
    and clipping as in `adam`."""
    return _clipped(
        optax.contrib.muon(
            _schedule(rate, steps, warmup),
            consistent_rms=0.2,
            adam_b2=0.99,
            muon_weight_dimension_numbers=_matrices,
        )
    )


def _matrices(tree: Any) -> Any:
    """For every kernel, which axes are inputs and which one outputs."""

    def axes(x: Array) -> optax.contrib.MuonDimensionNumbers:
        return optax.contrib.MuonDimensionNumbers(tuple(range(x.ndim - 1)), (x.ndim - 1,))

    return {n: axes(x) if n.endswith(".kernel") else None for n, x in tree.items()}


def _clipped(optimiser: optax.GradientTransformation) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(1.0), optimiser)


def _schedule(rate: float, steps: int, warmup: int) -> optax.Schedule:
    return optax.warmup_cosine_decay_schedule(0.0, rate, warmup, steps, rate / 100)


def begin(parameters: Parameters, optimiser: optax.GradientTransformation) -> State:
    """The state before the first step; the moving average starts at the parameters."""
    return {
        "parameters": parameters,
        "average": jax.tree.map(jnp.copy, parameters),
        "optimiser": optimiser.init(parameters),
        "step": jnp.zeros((), jnp.int32),
    }


def updater(
    loss: Loss, optimiser: optax.GradientTransformation, *, decay: float, key: Array
) -> Callable[[State, Any], tuple[State, dict[str, Array]]]:
    """The compiled step: (state, batch) -> (state, metrics).

    loss: (parameters, batch, key) -> (scalar, other metrics), the key folded with the step.
    decay: of the moving average, less in the first steps. A batch that is sharded over devices
    trains data-parallel.
    """

    def update(state: State, batch: Any):
        step = state["step"]
        slope = jax.value_and_grad(loss, has_aux=True)
        (value, more), gradients = slope(state["parameters"], batch, jax.random.fold_in(key, step))
        moves, memory = optimiser.update(gradients, state["optimiser"], state["parameters"])
        parameters = optax.apply_updates(state["parameters"], moves)
        keep = jnp.minimum(decay, (1 + step) / (10 + step))
        average = optax.incremental_update(parameters, state["average"], 1 - keep)
        new = {
            "parameters": parameters,
            "average": average,
            "optimiser": memory,
            "step": step + 1,
        }
        return new, {"loss": value, **more, "gradient": optax.tree.norm(gradients)}

    return jax.jit(update, donate_argnums=0)


def named(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state, or its shapes, as a flat dictionary, for a checkpoint."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): x for path, x in leaves}


def unnamed(flat: Mapping[str, Any], like: Mapping[str, Any]) -> State:
    """The inverse of `named`; `like` gives the structure."""
    names = list(named(like))
    return jax.tree.unflatten(jax.tree.structure(like), [flat[name] for name in names])
