"""Training of tiny networks: compilation is nearly all that such a test does."""

import jax
import pytest


@pytest.fixture(autouse=True)
def unoptimised():
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
