"""Two players of one number each: whose turn it is, and what the moving average sees."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.tolerances import OP
from vinf_jax.training import adversarial, state


@pytest.mark.parametrize(("every", "average_every"), [(1, 1), (1, 2), (2, 2), (3, 2)])
def test_the_average_counts_the_steps_of_the_model(every, average_every):
    rule = optax.sgd(1.0)
    update = adversarial.updater(
        {name: lambda mine, other, batch, key: (mine["a"], {}) for name in ("model", "critic")},
        {"model": rule, "critic": rule},
        every=every,
        decay=0.5,
        average_every=average_every,
        key=jax.random.key(0),
    )
    start = adversarial.begin(state.begin({"a": jnp.zeros(())}, rule), {"a": jnp.zeros(())}, rule)
    moved, average = 0, 0.0
    for step in range(8 * every):
        start, _ = update(start, None)
        if adversarial.turn(step, every) == adversarial.MODEL:
            moved += 1
            if moved % average_every == 0:
                count = moved // average_every - 1
                keep = min(0.5, (1 + count) / (10 + count))
                average = keep * average - (1 - keep) * moved
        np.testing.assert_allclose(start["average"]["a"], average, atol=OP)
    assert average < 0


def test_turns_count_from_their_own_beginning_and_both_players_are_told():
    rule = optax.sgd(1.0)
    update = adversarial.updater(
        {
            "model": lambda mine, other, batch, key: (mine["a"], {"seen": 1.0}),
            "critic": lambda mine, other, batch, key: (mine["a"], {"fooled": 2.0}),
        },
        {"model": rule, "critic": rule},
        every=3,
        decay=0.5,
        average_every=1,
        key=jax.random.key(0),
        begun=250_000,
    )
    model = state.begin({"a": jnp.zeros(())}, rule) | {"step": jnp.asarray(250_000)}
    here, moved = adversarial.begin(model, {"a": jnp.zeros(())}, rule), []
    for _ in range(6):
        here, found = update(here, None)
        moved.append((float(here["parameters"]["a"]), float(here["critic"]["a"])))
    assert moved == [(-1, 0), (-2, 0), (-3, 0), (-3, -1), (-3, -2), (-3, -3)]
    assert {"seen", "fooled", "model loss", "critic loss"} <= set(found)
    assert float(found["loss"]) == float(found["critic loss"])


def test_gradients_of_an_earlier_stage_are_not_added_up():
    rule = optax.MultiSteps(optax.sgd(1.0), 3).gradient_transformation()
    weights = {"a": jnp.zeros(())}
    _, memory = rule.update({"a": jnp.ones(())}, rule.init(weights), weights)
    assert int(memory.mini_step) == 1
    memory = state.unaccumulated(memory)
    for _ in range(3):
        moves, memory = rule.update({"a": jnp.full((), 2.0)}, memory, weights)
    assert float(moves["a"]) == -2
