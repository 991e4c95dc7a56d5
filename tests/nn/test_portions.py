"""Work in portions is the work at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.tolerances import FP64
from vinf_jax.nn.portions import in_portions


def joined(x, y, w):
    return jnp.concatenate([x * w[:, None, None], y], axis=-1)


def added(x, y, w):
    return x * w[:, None, None] + y


@pytest.mark.parametrize("function", [joined, added])
@pytest.mark.parametrize("length, size", [(6, None), (6, 6), (6, 4), (7, 3), (7, 1), (1, 1)])
def test_portions_are_the_whole(x64, function, length, size):
    """Of another shape than the input, and in its place; with a rest and without."""
    rng = np.random.default_rng(length)
    x, y = jnp.asarray(rng.standard_normal((2, 2, length, 3)))
    w = jnp.asarray(rng.standard_normal(2))
    out = jax.jit(lambda x, y, w: in_portions(function, (x, y), size, (w,)))(x, y, w)
    assert np.abs(out - function(x, y, w)).max() < FP64


@pytest.mark.parametrize("length, size, calls", [(6, 6, 1), (6, 4, 1), (7, 3, 2)])
def test_no_call_is_larger_than_asked(length, size, calls):
    seen = []

    def watched(x):
        seen.append(x.shape)
        return x

    in_portions(watched, (jnp.zeros((2, length)),), size)
    parts = [shape for shape in seen if length <= size or shape != (2, length)]
    assert len({*parts}) == calls and max(shape[1] for shape in parts) <= size
