"""Eight simulated devices, shapes checked at every public function, float64 on request."""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_NUM_CPU_DEVICES"] = "8"

from jaxtyping import install_import_hook

from tests.shapes import checked

install_import_hook("vinf_jax", f"{checked.__module__}.{checked.__name__}")

import jax
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "small",
    deadline=None,
    derandomize=True,
    max_examples=15,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("small")


@pytest.fixture
def unoptimised():
    """For tests that do little but compile."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def x64():
    """float64 for one test; jax is back in float32 afterwards."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)
