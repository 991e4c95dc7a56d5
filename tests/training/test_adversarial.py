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
