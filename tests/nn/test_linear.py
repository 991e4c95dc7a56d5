"""The fast forms of products and convolutions against the plain ones, gradients included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from tests.tolerances import FP64
from vinf_jax.nn.linear import SMALL, Dense, convolve


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def plain(x, kernel, padding):
    return lax.conv_general_dilated(
        x,
        kernel,
        (1, 1),
        [(p, p) for p in padding],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


@pytest.mark.parametrize(
    ("size", "kernel", "padding"),
    [
        ((5, 7), (3, 3), (1, 1)),
        ((5, 7), (1, 1), (0, 0)),
        ((6, 12), (3, 1), (0, 0)),
        ((17, 16), (3, 3), (1, 1)),  # a large picture
    ],
)
def test_convolution_and_its_gradients(x64, size, kernel, padding):
    x, weights = normal(0, 2, *size, 3), normal(1, *kernel, 3, 4)
    assert (size[0] * size[1] > SMALL) == (size == (17, 16))
    values, slopes = [], []
    for form in (convolve, plain):
        out, back = jax.vjp(lambda x, w, form=form: form(x, w, padding), x, weights)
        values.append(out)
        slopes.append(back(normal(2, *out.shape)))
    np.testing.assert_allclose(values[0], values[1], atol=FP64)
    for fast, slow in zip(*slopes, strict=True):
        np.testing.assert_allclose(fast, slow, atol=FP64)


def test_dense_and_its_gradients(x64):
    layer = Dense(3, 5, rngs=nnx.Rngs(0))
    graph, state = nnx.split(layer)
    state = jax.tree.map(lambda x: normal(3, *x.shape), state)
    x, slope = normal(4, 2, 4, 3), normal(5, 2, 4, 5)

    def fast(state, x):
        return nnx.merge(graph, state)(x)

    def slow(state, x):
        parts = nnx.to_pure_dict(state)
        return jnp.einsum("abi,io->abo", x, parts["kernel"]) + parts["bias"]

    out, back = jax.vjp(fast, state, x)
    expected, back_slow = jax.vjp(slow, state, x)
    np.testing.assert_allclose(out, expected, atol=FP64)
    pairs = zip(jax.tree.leaves(back(slope)), jax.tree.leaves(back_slow(slope)), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, atol=FP64)
