"""Convolutions with fewer multiplications against plain ones, gradients included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.test_linear import agree_with_gradients, normal, plain
from tests.parallel.clips import on_devices
from tests.tolerances import FP64
from vinf_jax.nn.filtering import FEATURES, filtered, together
from vinf_jax.nn.linear import convolve
from vinf_jax.parallel.gpu import elsewhere
from vinf_jax.parallel.traced import work

SHAPES = [jax.ShapeDtypeStruct(size, "f4") for size in ((4, 16, 16, 64), (3, 3, 64, 64))]


@pytest.mark.parametrize("many", [1, 2, 4])
@pytest.mark.parametrize(
    ("taps", "size", "padding"),
    [
        ((3, 3), (6, 8), (1, 1)),
        ((3, 3), (5, 7), (1, 1)),
        ((3, 3), (6, 5), (0, 1)),
        ((3, 3), (3, 3), (0, 0)),
        ((3, 3), (4, 1), (1, 1)),
        ((3, 1), (6, 8), (1, 0)),
        ((3, 1), (5, 7), (0, 0)),
        ((3, 1), (3, 1), (1, 0)),
        ((3, 1), (4, 3), (0, 1)),
    ],
)
def test_fewer_multiplications_give_the_same(x64, taps, size, padding, many):
    x, weights = normal(0, 4, *size, 3), normal(1, *taps, 3, 5)
    out = filtered(x, weights, padding, many)
    np.testing.assert_allclose(out, plain(x, weights, padding), atol=FP64)


@pytest.mark.parametrize("taps", [(3, 3), (3, 1)])
def test_in_float32_no_less_exact(x64, taps):
    x, weights = normal(0, 2, 16, 16, 64), normal(1, *taps, 64, 64)
    pads = tuple(n // 2 for n in taps)
    exact = plain(x, weights, pads)
    x, weights = x.astype("f4"), weights.astype("f4")
    errors = [
        jnp.abs(out - exact).max()
        for out in (filtered(x, weights, pads, 2), plain(x, weights, pads))
    ]
    assert errors[0] < 2 * errors[1]


@pytest.mark.parametrize("taps", [(3, 3), (3, 1)])
def test_wide_layers_take_them_gradients_included(x64, taps):
    x, weights, pads = normal(0, 3, 14, 13, FEATURES), normal(1, *taps, FEATURES, FEATURES), (1, 0)
    program = jax.jit(lambda x, w: convolve(x, w, pads)).lower(x, weights).compile()
    assert "convolution(" not in program.as_text()
    agree_with_gradients(x, weights, pads)


def test_on_devices_as_on_one(x64):
    """More pictures together on one device than on each of three."""
    x, weights = normal(0, 1, 9, 16, 16, FEATURES), normal(1, 3, 3, FEATURES, FEATURES)

    def one(_, frames):
        return convolve(frames[0], weights, (1, 1))

    parts = np.asarray(on_devices(one, x, 3))
    np.testing.assert_allclose(np.concatenate(parts), one(None, x), atol=FP64)


@pytest.mark.parametrize(
    ("shape", "features", "dtype"),
    [((4, 16, 16), FEATURES, "bfloat16"), ((4, 16, 16), 32, "f4"), ((1, 320, 512), 128, "f4")],
)
def test_others_do_not(shape, features, dtype):
    given = [
        jax.ShapeDtypeStruct(size, dtype)
        for size in ((*shape, features), (3, 3, features, features))
    ]
    program = jax.make_jaxpr(lambda x, w: convolve(x, w, (1, 1)))(*given)
    assert "platform_index" not in str(program)


@pytest.mark.parametrize(
    ("x", "kernel", "many"),
    [
        ((16, 16, 16, 64), (3, 3, 64, 64), 16),
        ((192, 16, 16, 64), (3, 3, 64, 64), 48),
        ((97, 16, 16, 64), (3, 3, 64, 64), 1),
        ((4, 40, 64, 320), (3, 3, 320, 320), 1),
        ((1, 160, 256, 256), (3, 3, 256, 256), 1),
        ((1, 320, 512, 128), (3, 3, 128, 128), 0),
        ((31, 4, 4, 64), (3, 3, 64, 64), 0),
        ((1, 16, 256, 64), (3, 1, 64, 64), 1),
        ((2, 48, 64, 128), (3, 1, 128, 128), 2),
        ((1, 16, 16, 256), (3, 1, 256, 256), 0),
        ((1, 4, 2560, 320), (3, 1, 320, 320), 0),
        ((1, 4, 160, 1280), (3, 1, 1280, 1280), 0),
        ((16, 16, 16, 64), (1, 3, 64, 64), 0),
    ],
)
def test_as_many_pictures_together_as_the_cache_holds(x, kernel, many):
    assert together(x, kernel) == many


def test_a_plan_counts_them_as_convolutions():
    program = jax.jit(lambda x, w: convolve(x, w, (1, 1))).trace(*SHAPES).jaxpr
    assert work(program).flops == 2 * (4 * 16 * 16 * 64) * (3 * 3 * 64)


def test_a_plan_for_another_device_has_none():
    with elsewhere():
        program = jax.make_jaxpr(lambda x, w: convolve(x, w, (1, 1)))(*SHAPES)
    assert "platform_index" not in str(program)
    program = jax.make_jaxpr(lambda x, w: convolve(x, w, (1, 1)))(*SHAPES)
    assert "platform_index" in str(program)


def test_numbers_stay_as_precise_as_given():
    x = jnp.ones((1, 4, 4, 2), jnp.float32)
    assert filtered(x, jnp.ones((3, 3, 2, 2), jnp.float32), (1, 1), 1).dtype == jnp.float32
