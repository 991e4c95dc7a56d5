"""A network without the layers that join frames."""

import re

import jax
import jax.numpy as jnp
import numpy as np

from tests.tiny import tiny_network
from tests.tolerances import OP
from train.networks import still
from vinf_jax.nn.parameters import merge, split

LAST = re.compile(r"\.conv4\.conv\.|(transformer_in|temp_attentions\.\d+)\.proj_out\.")
"""Of the layers that join frames, what starts at zero."""


def answer(graph, parameters):
    x, text = (jax.random.normal(jax.random.key(0), s) for s in ((2, 1, 4, 4, 4), (2, 3, 16)))
    return jax.jit(lambda p: merge(graph, p)(x, jnp.array([3, 700]), text, 8))(parameters)


def test_single_pictures_need_no_layers_that_join_frames_while_these_are_untrained():
    graph, parameters = split(tiny_network("unet"))
    rest = {name: 0 * x if LAST.search(name) else x for name, x in parameters.items()}
    kept_graph, kept = split(still(merge(graph, rest)))
    assert kept.keys() < rest.keys()
    np.testing.assert_allclose(answer(kept_graph, kept), answer(graph, rest), atol=OP)
