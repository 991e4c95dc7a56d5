"""A network without the layers that join frames."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from tests.tolerances import OP
from train.networks import still
from vinf_jax.models.unet3d import UNet3D

SHAPE = {
    "channels": (8, 16),
    "layers": 1,
    "attention": (True, True),
    "head_size": 4,
    "context_width": 6,
    "norm_groups": 2,
}


def test_an_untrained_network_gives_single_pictures_without_them():
    unet = UNet3D(**SHAPE, fps_conditioned=False, rngs=nnx.Rngs(0))
    x, text = (
        jax.random.normal(jax.random.key(n), s) for n, s in enumerate([(2, 1, 4, 4, 4), (2, 3, 6)])
    )
    whole = unet(x, jnp.array([3, 700]), text, 8)
    before = len(jax.tree.leaves(nnx.state(unet)))
    short = still(unet)
    assert len(jax.tree.leaves(nnx.state(short))) < before
    np.testing.assert_allclose(short(x, jnp.array([3, 700]), text, 8), whole, atol=OP)
