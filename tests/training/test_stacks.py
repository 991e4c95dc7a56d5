"""Kernels of one shape in a stack: nothing lost, and the moves that each alone would get."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from tests.tolerances import EXACT, OP
from vinf_jax.training.stacks import parts, stacked, stacks

SHAPES = {"a.kernel": (6, 4), "b.bias": (4,), "b.kernel": (6, 4), "c.kernel": (2, 3, 4), "d": ()}


def arrays(seed):
    keys = jax.random.split(jax.random.key(seed), len(SHAPES))
    return {n: jax.random.normal(k, s) for k, (n, s) in zip(keys, SHAPES.items(), strict=True)}


def test_stacks_and_back():
    tree = arrays(0)
    together = stacks(tree)
    assert {name: x.shape for name, x in together.items()} == {
        "6x4.kernel": (2, 6, 4),
        "2x3x4.kernel": (1, 2, 3, 4),
        "rest": (5,),
    }
    back = parts(together, tree)
    assert list(back) == list(tree)
    for name, x in tree.items():
        np.testing.assert_allclose(back[name], x, rtol=EXACT, atol=EXACT)
    assert "rest" not in stacks({"a.kernel": tree["a.kernel"]})


def test_muon_on_stacks_moves_as_muon_on_every_kernel():
    def dimensions(first):
        def of(tree):
            return {
                name: optax.contrib.MuonDimensionNumbers(
                    tuple(range(first, x.ndim - 1)), (x.ndim - 1,)
                )
                if name.endswith(".kernel")
                else None
                for name, x in tree.items()
            }

        return optax.contrib.muon(
            0.1, consistent_rms=0.2, muon_weight_dimension_numbers=of, adam_b2=0.99
        )

    alone, together = dimensions(0), stacked(dimensions(1))
    weights = arrays(1)
    memory, other = alone.init(weights), together.init(weights)
    for step in range(3):
        slopes = arrays(2 + step)
        moves, memory = alone.update(slopes, memory, weights)
        same, other = together.update(slopes, other, weights)
        for name, move in moves.items():
            np.testing.assert_allclose(same[name], move, atol=OP, rtol=OP, err_msg=name)
            assert float(jnp.abs(move).max()) > 0
