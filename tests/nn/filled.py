"""Modules whose every parameter is random, so that no zero hides wrong code behind it."""

import jax.numpy as jnp
import numpy as np

from vinf_jax.nn.parameters import abstract, merge, split


def filled(build, seed=0, dtype=np.float64):
    """The module that build(rngs) makes."""
    graph, shapes = split(abstract(build))
    rng = np.random.default_rng(seed)
    values = {name: _value(rng, name, leaf.shape) for name, leaf in sorted(shapes.items())}
    return merge(graph, {name: jnp.asarray(x.astype(dtype)) for name, x in values.items()})


def _value(rng, name, shape):
    if len(shape) < 2:
        return name.endswith("scale") + 0.2 * rng.standard_normal(shape)
    return 1.5 * rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))
