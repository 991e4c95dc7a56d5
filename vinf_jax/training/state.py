"""Everything that a training run remembers between two steps, and how one step changes it."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
import optax.contrib
from jax import Array

from vinf_jax.training.stacks import stacked

Parameters = dict[str, Array]
State = dict[str, Any]
Loss = Callable[[Parameters, Any, Array], tuple[Array, Mapping[str, Array]]]
SHARE = "share"
"""Of the state of training that lasts a given time: how much of the time it has had, 0 to 1."""


def adam(rate: float, *, steps: int, warmup: int) -> optax.GradientTransformation:
    """Adam with a linear warm-up, a cosine to a hundredth of `rate`, and gradients whose global
    norm is clipped at 1."""
    return _clipped(optax.adam(_schedule(rate, steps, warmup), b2=0.99))


def muon(rate: float, *, steps: int, warmup: int) -> optax.GradientTransformation:
    """Muon (Jordan, 2024) for every kernel, taken as a matrix of inputs by outputs, with updates as
    large as Adam's (arXiv 2502.16982); Adam with Nesterov's momentum for the rest. Warm-up, cosine
    and clipping as in `adam`; behind the warm-up the rate is constant if steps is 0."""
    rule = optax.contrib.muon(
        _schedule(rate, steps, warmup),
        consistent_rms=0.2,
        adam_b2=0.99,
        muon_weight_dimension_numbers=_matrices,
    )
    return _clipped(stacked(rule))


def adamw(
    rate: float,
    *,
    warmup: int = 0,
    steps: int = 0,
    b1: float = 0.9,
    b2: float = 0.999,
    clip: float | None = None,
    accumulate: int = 1,
) -> optax.GradientTransformation:
    """AdamW as PyTorch has it (weight decay 0.01), after a linear warm-up.

    steps: over which the rate falls as a cosine to a hundredth, the warm-up included; it is
    constant if this is 0. clip: largest norm of all gradients together. accumulate: steps whose
    gradients are averaged before parameters move; only then does the rate go on.
    """
    pace = _schedule(rate, steps, warmup)
    rule = optax.adamw(pace, b1=b1, b2=b2, weight_decay=0.01)
    rule = rule if clip is None else optax.chain(optax.clip_by_global_norm(clip), rule)
    if accumulate == 1:
        return rule
    return optax.MultiSteps(rule, accumulate).gradient_transformation()


def _matrices(tree: Any) -> Any:
    """For every stack of kernels, which axes are inputs and which one outputs."""

    def axes(x: Array) -> optax.contrib.MuonDimensionNumbers:
        return optax.contrib.MuonDimensionNumbers(tuple(range(1, x.ndim - 1)), (x.ndim - 1,))

    return {n: axes(x) if n.endswith(".kernel") else None for n, x in tree.items()}


def _clipped(optimiser: optax.GradientTransformation) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(1.0), optimiser)


def _schedule(rate: float, steps: int, warmup: int) -> optax.Schedule | float:
    if not steps:
        return optax.linear_schedule(0.0, rate, warmup) if warmup else rate
    return optax.warmup_cosine_decay_schedule(0.0, rate, warmup, steps, rate / 100)


def begin(
    parameters: Parameters, optimiser: optax.GradientTransformation, timed: bool = False
) -> State:
    """The state before the first step; the moving average starts at the parameters. timed: whether
    training lasts a given time, see `clock.Clock`."""
    state: State = {
        "parameters": parameters,
        "average": jax.tree.map(jnp.copy, parameters),
        "optimiser": optimiser.init(parameters),
        "step": jnp.zeros((), jnp.int32),
    }
    return state | ({SHARE: jnp.zeros((), jnp.float32)} if timed else {})


def pace(state: State) -> Array:
    """By what the moves of timed training are scaled: a cosine from 1 to a hundredth."""
    return 0.01 + 0.99 * (1 + jnp.cos(jnp.pi * state[SHARE])) / 2


def updater(
    loss: Loss,
    optimiser: optax.GradientTransformation,
    *,
    decay: float,
    key: Array,
    average_every: int = 1,
    placement: Any = None,
) -> Callable[[State, Any], tuple[State, dict[str, Array]]]:
    """The compiled step: (state, batch) -> (state, metrics).

    loss: (parameters, batch, key) -> (scalar, other metrics), the key folded with the step. decay,
    average_every: see `advance`. placement: shardings of the state, left to the compiler if not
    given. Moves of a timed state slow down with its `pace`. A batch that is sharded over devices
    trains data-parallel.
    """

    def update(state: State, batch: Any):
        step = state["step"]
        slope = jax.value_and_grad(loss, has_aux=True)
        (value, more), gradients = slope(state["parameters"], batch, jax.random.fold_in(key, step))
        moves, memory = optimiser.update(gradients, state["optimiser"], state["parameters"])
        moves = optax.tree.scale(pace(state), moves) if SHARE in state else moves
        parameters = optax.apply_updates(state["parameters"], moves)
        new = advance(state | {"parameters": parameters, "optimiser": memory}, decay, average_every)
        return new, {"loss": value, **more, "gradient": optax.tree.norm(gradients)}

    return jax.jit(update, donate_argnums=0, out_shardings=(placement, None))


def advance(state: State, decay: float, every: int, number: Array | None = None) -> State:
    """The state, a step further: every so many steps the average follows the parameters.

    decay: what the average keeps of itself, less at first: (1 + n) / (10 + n) at its n-th change.
    every: 0 leaves it as it is. number: of this step among those that move the parameters, where
    not all do.
    """
    step, average = state["step"], state["average"]
    if every:
        number = step if number is None else number
        count = number // every
        keep = jnp.minimum(decay, (1 + count) / (10 + count))
        keep = jnp.where((number + 1) % every == 0, keep, 1.0)
        average = optax.incremental_update(state["parameters"], average, 1 - keep)
    return state | {"average": average, "step": step + 1}


def unaccumulated(optimiser: Any) -> Any:
    """An optimiser's memory that begins to add up gradients anew, where it does so."""

    def fresh(memory: Any) -> Any:
        if not isinstance(memory, optax.MultiStepsState):
            return memory
        zeros = jax.tree.map(jnp.zeros_like, (memory.mini_step, memory.acc_grads))
        return memory._replace(mini_step=zeros[0], acc_grads=zeros[1])

    return jax.tree.map(fresh, optimiser, is_leaf=lambda x: isinstance(x, optax.MultiStepsState))


def named(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state, or its shapes, as a flat dictionary, for a checkpoint."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): x for path, x in leaves}


def unnamed(flat: Mapping[str, Any], like: Mapping[str, Any]) -> State:
    """The inverse of `named`; `like` gives the structure."""
    names = list(named(like))
    return jax.tree.unflatten(jax.tree.structure(like), [flat[name] for name in names])
