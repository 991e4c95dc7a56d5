"""A layer under a scope, whole or on clips."""

import jax.numpy as jnp
import numpy as np

from tests.parallel.clips import quickly
from vinf_jax.nn.context import surround
from vinf_jax.parallel.timeline import Whole


def ran(scope, x, time, call, run=None, clips=1):
    """call(part, context) on one device or on clips, for x (N, F, ...)."""

    def one(line, part):
        numbers = line.first_frame(part.shape[1]) + jnp.arange(part.shape[1])
        return call(part, surround(line, scope, numbers, jnp.full(1, time), gapless=True))

    if run is None:
        return np.asarray(quickly(lambda x: one(Whole(), x))(x))
    return np.concatenate(list(run(one, x, clips)), axis=1)[:, : x.shape[1]]
