"""PVDM's networks as a config describes them: fresh ones, and the trained autoencoder."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from vinf_jax.models.pvdm_autoencoder import PVDMAutoencoder
from vinf_jax.models.pvdm_unet import PVDMUNet
from vinf_jax.nn.parameters import abstract, merge, split
from vinf_jax.systems.pvdm import Settings

from .stage import newest_average

STAGES = {"reconstruction": "autoencoder", "adversarial": "autoencoder_adversarial"}
"""Of the autoencoder's training, and their folders in a run."""


def autoencoder_arguments(config) -> dict[str, Any]:
    """Of its constructor."""
    return config.autoencoder.to_dict() | {"size": config.size, "frames": config.frames}


def unet_arguments(config) -> dict[str, Any]:
    """Of its constructor."""
    side = config.size // config.autoencoder.patch
    sizes = {"planes": (config.frames, side, side)}
    return config.unet.to_dict() | sizes | {"latent_channels": config.autoencoder.latent_channels}


def new_autoencoder(config) -> tuple[Any, dict[str, Any]]:
    """Graph and fresh parameters."""
    return split(PVDMAutoencoder(**autoencoder_arguments(config), rngs=nnx.Rngs(config.seed)))


def new_unet(config) -> tuple[Any, dict[str, Any]]:
    """Graph and fresh parameters."""
    return split(PVDMUNet(**unet_arguments(config), rngs=nnx.Rngs(config.seed + 1)))


def unet_like(config) -> tuple[Any, dict[str, Any]]:
    """Graph and shapes, without numbers."""
    arguments = unet_arguments(config)
    return split(abstract(lambda rngs: PVDMUNet(**arguments, rngs=rngs)))


def autoencoder_like(config) -> tuple[Any, dict[str, Any]]:
    """Graph and shapes, without numbers."""
    arguments = autoencoder_arguments(config)
    return split(abstract(lambda rngs: PVDMAutoencoder(**arguments, rngs=rngs)))


def trained_autoencoder(config, out: Path) -> PVDMAutoencoder:
    """The moving average of the newest checkpoint of the last stage that was trained."""
    return noted_autoencoder(config, out)[1]


def noted_autoencoder(config, out: Path) -> tuple[dict[str, Any], PVDMAutoencoder]:
    """The same, and what the checkpoint says of itself."""
    graph, like = autoencoder_like(config)
    last_first = list(reversed(STAGES.items()))
    trained = [pair for pair in last_first if (out / pair[1] / "checkpoints").is_dir()]
    name, folder = [*trained, last_first[-1]][0]
    command = f"{name} of python -m train pvdm_autoencoder"
    note, parameters = newest_average(config, out / folder, like, command)
    return note, merge(graph, parameters)


def settings(config) -> Settings:
    """How the model is sampled."""
    return Settings(fps=config.fps, prediction=config.prediction, **config.generation.to_dict())


def arithmetic(config) -> Any:
    """The dtype of the arithmetic on this machine."""
    return jnp.dtype(config.dtype.get(jax.default_backend(), "float32"))
