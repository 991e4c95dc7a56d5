"""A network without the layers that join frames."""

import re

import jax
import jax.numpy as jnp
import numpy as np

from tests.nn.filled import filled
from tests.tolerances import OP
from train.networks import still
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.parameters import merge, split

SHAPE = {
    "channels": (8, 16),
    "layers": 1,
    "attention": (False, True),
    "head_size": 4,
    "context_width": 6,
    "norm_groups": 2,
    "fps_conditioned": False,
}
LAST = re.compile(r"\.conv4\.conv\.|(transformer_in|temp_attentions\.\d+)\.proj_out\.")
"""Of the layers that join frames, what starts at zero."""


def answer(graph, parameters):
    x, text = (jax.random.normal(jax.random.key(0), s) for s in ((2, 1, 4, 4, 4), (2, 3, 6)))
    return jax.jit(lambda p: merge(graph, p)(x, jnp.array([3, 700]), text, 8))(parameters)


def test_single_pictures_need_no_layers_that_join_frames_while_these_are_untrained():
    unet = filled(lambda rngs: UNet3D(**SHAPE, rngs=rngs), dtype=np.float32)
    graph, parameters = split(unet)
    rest = {name: 0 * x if LAST.search(name) else x for name, x in parameters.items()}
    kept_graph, kept = split(still(merge(graph, rest)))
    assert kept.keys() < rest.keys()
    np.testing.assert_allclose(answer(kept_graph, kept), answer(graph, rest), atol=OP)
