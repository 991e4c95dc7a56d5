"""The tests' own footing: eight devices, shapes checked, float64 only where asked for."""

from typing import Protocol, Self

import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float, TypeCheckError, jaxtyped

from tests.shapes import checked


@jaxtyped(typechecker=checked)
def square(x: Float[Array, "n n"]) -> Float[Array, "n n"]:
    return x


class Line(Protocol):
    length: int


class Point:
    @jaxtyped(typechecker=checked)
    def near(self, line: Line) -> Self:
        return self


def test_wrong_shapes_are_caught():
    assert square(jnp.ones((2, 2))).shape == (2, 2)
    with pytest.raises(TypeCheckError):
        square(jnp.ones((2, 3)))


def test_the_hook_watches_the_library():
    from vinf_jax.programs import load_config

    with pytest.raises(TypeCheckError):
        load_config(3)  # ty: ignore[invalid-argument-type]


def test_annotations_for_the_static_checker_pass():
    point = Point()
    assert point.near(range(3)) is point


def test_eight_devices_in_float32():
    assert jax.device_count() == 8
    assert jnp.ones(1).dtype == jnp.float32


def test_float64_on_request(x64):
    assert jnp.ones(1).dtype == jnp.float64
