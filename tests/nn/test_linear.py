"""The fast forms of products and convolutions against the plain ones, gradients included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from tests.tolerances import FP64
from vinf_jax.nn.linear import MANY, SMALL, Dense, convolve, strided


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize("size", [(2, 2), (3, 5), (2, 4), (5, 6), (7, 8)])
def test_strided_convolution_and_its_gradients(x64, size):
    x, weights = normal(0, 2, *size, 3), normal(1, 3, 3, 3, 4)
    out, back = jax.vjp(lambda x, w: strided(x, w, (1, 1), 2), x, weights)
    expected, back_slow = jax.vjp(lambda x, w: plain(x, w, (1, 1), 2), x, weights)
    np.testing.assert_allclose(out, expected, atol=FP64)
    slope = normal(2, *out.shape)
    for fast, slow in zip(back(slope), back_slow(slope), strict=True):
        np.testing.assert_allclose(fast, slow, atol=FP64)


def test_a_small_picture_of_many_features(x64):
    x, weights = normal(0, 1, 3, 4, MANY), normal(1, 3, 3, MANY, MANY)
    np.testing.assert_allclose(
        convolve(x, weights, (1, 1)), plain(x, weights, (1, 1)), atol=FP64, rtol=FP64
    )


@pytest.mark.parametrize(
    ("pixels", "features", "by_xla"),
    [((2, 4), 3, 0), ((3, 3), 3, 1), ((10, 16), MANY, 0), ((11, 16), MANY, 1)],
)
def test_the_smallest_pictures_are_no_convolution_of_xla(pixels, features, by_xla):
    """XLA's own is up to 60 times slower there on a CPU."""
    shapes = [
        jax.ShapeDtypeStruct(shape, "f4")
        for shape in ((1, *pixels, features), (3, 3, features, features))
    ]
    program = jax.make_jaxpr(lambda x, w: convolve(x, w, (1, 1)))(*shapes)
    assert str(program).count("conv_general_dilated[") == by_xla


def plain(x, kernel, padding, stride=1):
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        [(p, p) for p in padding],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def agree_with_gradients(x, weights, padding):
    """The fast form and the plain one."""
    values, slopes = [], []
    for form in (convolve, plain):
        out, back = jax.vjp(lambda x, w, form=form: form(x, w, padding), x, weights)
        values.append(out)
        slopes.append(back(normal(2, *out.shape)))
    np.testing.assert_allclose(values[0], values[1], atol=FP64)
    for fast, slow in zip(*slopes, strict=True):
        np.testing.assert_allclose(fast, slow, atol=FP64)


@pytest.mark.parametrize(
    ("size", "kernel", "padding"),
    [
        ((5, 7), (3, 3), (1, 1)),
        ((5, 7), (1, 1), (0, 0)),
        ((6, 12), (3, 1), (0, 0)),
        ((17, 16), (3, 3), (1, 1)),  # a large picture
        ((2, 4), (3, 3), (1, 1)),  # fewer pixels than the kernel has
        ((3, 3), (3, 3), (1, 1)),
        ((4, 3), (3, 3), (0, 1)),
        ((1, 2), (3, 1), (1, 0)),
    ],
)
def test_convolution_and_its_gradients(x64, size, kernel, padding):
    x, weights = normal(0, 2, *size, 3), normal(1, *kernel, 3, 4)
    assert (size[0] * size[1] > SMALL) == (size == (17, 16))
    agree_with_gradients(x, weights, padding)


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
