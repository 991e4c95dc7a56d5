"""Two players in turns: a model, and critics that learn to tell its work from the real thing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from vinf_jax.training.state import Parameters, State, advance

MODEL, CRITIC = "model", "critic"
Maps = Sequence[Array]
"""What a patch discriminator says: features of its stages, and its verdict last."""


def hinge(real: Array, made: Array) -> Array:
    """What critics minimise (Lim and Ye, arXiv 1705.02894): half of the mean margins missed."""
    return 0.5 * (jax.nn.relu(1 - real).mean() + jax.nn.relu(1 + made).mean())


def matching(real: Maps, made: Maps) -> Array:
    """Sum over all stages but the verdict of the mean absolute difference of features; the real
    ones are taken as given."""
    pairs = zip(real[:-1], made[:-1], strict=True)
    return sum((jnp.abs(b - jax.lax.stop_gradient(a)).mean() for a, b in pairs), jnp.zeros(()))


def turn(step: int, every: int) -> str:
    """Whose step it is: `every` of the model's, then as many of the critics'."""
    return MODEL if step // every % 2 == 0 else CRITIC


def own(step: Array, every: int) -> Array:
    """The number, from 0 on, of a step of the model's among all of its own."""
    return step // (2 * every) * every + step % every


def begin(model: State, critic: Parameters, optimiser: optax.GradientTransformation) -> State:
    """The state of both, from a model's state as `state.begin` makes it or a run left it."""
    return model | {CRITIC: critic, "critic_optimiser": optimiser.init(critic)}


def updater(
    losses: Mapping[str, Callable],
    optimisers: Mapping[str, optax.GradientTransformation],
    *,
    every: int,
    decay: float,
    average_every: int,
    key: Array,
    begun: int = 0,
    placement: Any = None,
) -> Callable[[State, Any], tuple[State, dict[str, Array]]]:
    """(state, batch) -> (state, metrics), a step of the player whose turn it is; the metrics are
    also those that the other had last, and each one's loss under its name.

    losses: of each player, (its parameters, the other's, batch, key) -> (scalar, other metrics).
    every: steps of a turn. decay, average_every: as in `state.advance`; the average counts the
    model's steps alone. begun: steps of the state before the first turn. placement: shardings of
    the state, left to the compiler if not given.
    """
    places = {MODEL: "parameters", CRITIC: CRITIC}
    memories = {MODEL: "optimiser", CRITIC: "critic_optimiser"}

    def player(name: str) -> Callable:
        mine, memory = places[name], memories[name]
        other = places[CRITIC if name == MODEL else MODEL]

        def update(state: State, batch: Any):
            slope = jax.value_and_grad(losses[name], has_aux=True)
            fold = jax.random.fold_in(key, state["step"])
            (value, more), gradients = slope(state[mine], state[other], batch, fold)
            moves, after = optimisers[name].update(gradients, state[memory], state[mine])
            new = state | {mine: optax.apply_updates(state[mine], moves), memory: after}
            number = begun + own(state["step"] - begun, every)
            new = advance(new, decay, average_every if name == MODEL else 0, number)
            return new, {"loss": value, **more, "gradient": optax.tree.norm(gradients)}

        return jax.jit(update, donate_argnums=0, out_shardings=(placement, None))

    players, last = {name: player(name) for name in places}, dict[str, Array]()

    def update(state: State, batch: Any) -> tuple[State, dict[str, Array]]:
        name = turn(int(state["step"]) - begun, every)
        state, found = players[name](state, batch)
        last.update(found | {f"{name} loss": found["loss"]})
        return state, dict(last)

    return update
