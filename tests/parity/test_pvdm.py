"""PVDM's networks against the public implementation, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convert import pvdm_autoencoder, pvdm_unet
from tests.parity.formula import normal, parameters
from tests.paths import DATA
from tests.tolerances import FP64, OP
from vinf_jax.models.pvdm_autoencoder import PVDMAutoencoder
from vinf_jax.models.pvdm_unet import PVDMUNet
from vinf_jax.nn.parameters import abstract, merge, split

CHANNELS = (64, 128, 256, 256)


@pytest.fixture(scope="module")
def golden():
    with np.load(DATA / "goldens.npz") as stored:
        return {name: stored[name] for name in stored if name.startswith("pvdm_")}


def test_autoencoder(x64, golden):
    graph, shapes = split(abstract(lambda rngs: PVDMAutoencoder(size=64, rngs=rngs)))
    weights = parameters(pvdm_autoencoder.table(), shapes)
    video = np.moveaxis(np.tanh(normal(5, 1, 3, 16, 64, 64)), 1, -1)
    latents = jax.jit(lambda weights, x: merge(graph, weights).encode(x))(weights, video)
    assert latents.dtype == np.float64
    assert np.abs(np.moveaxis(latents, -1, 1) - golden["pvdm_ae/z"]).max() < FP64
    again = jax.jit(lambda weights, z: merge(graph, weights).decode(z))(weights, latents)
    frames = np.asarray(again)[0, [0, 3]]
    assert np.abs(np.moveaxis(frames, -1, 1) - golden["pvdm_ae/rec_frame0_3"]).max() < FP64


def test_unet(x64, golden):
    """With a condition and without one, as two videos of one batch.

    What is stored is float32 and 8e-6 away from what the same public code computes in float64,
    which ours equals to 8e-15 given the same sines; so rounding of ours must not come on top.
    """
    graph, shapes = split(abstract(lambda rngs: PVDMUNet(channels=CHANNELS, rngs=rngs)))
    weights = parameters(pvdm_unet.table(channels=CHANNELS), shapes)
    latents = np.moveaxis(normal(6, 1, 4, 2048), 1, -1).repeat(2, axis=0)
    given = np.moveaxis(np.tanh(normal(7, 1, 4, 2048)), 1, -1) * np.array([1, 0])[:, None, None]
    times = jnp.full(2, 803)
    forward = jax.jit(lambda weights, x, c: merge(graph, weights)(x, times, c))
    noise = np.asarray(forward(weights, latents, given))
    for n, name in enumerate(("cond", "uncond")):
        assert np.abs(noise[n].T - golden[f"pvdm_unet/{name}"][0]).max() < OP
