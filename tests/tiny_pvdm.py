"""A PVDM model that is small enough for tests, every parameter random so that no layer rests."""

from typing import Any

import jax.numpy as jnp

from tests.tiny import randomised
from vinf_jax.nn.networks import built, filled, parameters
from vinf_jax.systems.pvdm import PVDM, Settings
from vinf_jax.systems.pvdm.folder import NETWORKS

ARGUMENTS = {
    "autoencoder": {
        **{"size": 16, "frames": 4, "patch": 8, "width": 16, "layers": 1, "heads": 2},
        **{"head_size": 8, "plane_layers": 1, "plane_heads": 2, "plane_inner": 16},
    },
    "unet": {
        **{"planes": (4, 2, 2), "channels": (8,), "layers": 1, "attention": (True,)},
        **{"heads": 2, "norm_groups": 4},
    },
}
STEPS = {"steps": 3, "later_steps": 2}


def tiny_pvdm(prediction: str = "epsilon", dtype: Any = jnp.float32) -> PVDM:
    """16x16 pixels, clips of 4 frames."""
    networks = built(NETWORKS, ARGUMENTS)
    arrays = randomised(parameters(networks), 1, dtype)
    settings = Settings(fps=8, prediction=prediction, **STEPS)
    return PVDM(**filled(networks, arrays), settings=settings, arguments=ARGUMENTS)
