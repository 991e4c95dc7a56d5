"""Networks compiled, where op by op would take longer than the test."""

from functools import partial

import jax

from vinf_jax.nn.parameters import merge


@partial(jax.jit, static_argnums=(0, 1))
def compiled(method, graph, parameters, *given):
    """method(network, *given), of the network with this graph and these parameters."""
    return method(merge(graph, parameters), *given)
