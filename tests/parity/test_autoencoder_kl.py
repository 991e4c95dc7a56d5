"""The KL autoencoder against the public implementation, in float64."""

import jax
import numpy as np
import pytest

from convert.diffusers_autoencoder_kl import table
from tests.parity.formula import normal, parameters
from tests.paths import DATA
from tests.tolerances import FP64
from vinf_jax.models import autoencoder_kl
from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.nn.conv import Downsample
from vinf_jax.nn.parameters import abstract, merge, split

CHANNELS = (32, 64, 128, 128)


@pytest.fixture(scope="module")
def golden():
    with np.load(DATA / "goldens.npz") as stored:
        return {name: stored[name] for name in stored if name.startswith("vae/")}


@pytest.fixture(scope="module")
def weights():
    return parameters(table(channels=CHANNELS), split(model())[1])


def model():
    return abstract(lambda rngs: AutoencoderKL(channels=CHANNELS, rngs=rngs))


def encode(weights):
    graphdef, _ = split(model())
    image = np.moveaxis(normal(3, 1, 3, 40, 64), 1, -1)
    parts = jax.jit(lambda weights, x: merge(graphdef, weights).encode(x))(weights, image)
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)


def decode(weights):
    graphdef, _ = split(model())
    latent = np.moveaxis(normal(4, 1, 4, 5, 8), 1, -1)
    image = jax.jit(lambda weights, x: merge(graphdef, weights).decode(x))(weights, latent)
    return np.moveaxis(np.asarray(image), -1, 1)


def test_encode(x64, weights, golden):
    moments = encode(weights)
    assert moments.dtype == np.float64
    assert np.abs(moments - golden["vae/moments"]).max() < FP64


def test_decode(x64, weights, golden):
    assert np.abs(decode(weights) - golden["vae/dec"]).max() < FP64


def test_log_variance_is_clamped(x64, weights):
    """The goldens, -2 to 1.3, do not reach the clamp's -30 and 20."""
    far = weights | {"quant_conv.bias": np.repeat([-100.0, 100.0], 4)}
    moments = encode(far)
    assert moments[:, 4:].min() == moments[:, 4:].max() == 20
    assert moments[:, :4].max() < -90


def test_a_wrong_epsilon_shows(x64, weights, golden, monkeypatch):
    monkeypatch.setattr(autoencoder_kl, "EPSILON", 1e-5)
    assert np.abs(encode(weights) - golden["vae/moments"]).max() > 100 * FP64


def test_padding_on_both_sides_shows(x64, weights, golden, monkeypatch):
    monkeypatch.setattr(autoencoder_kl, "PaddedDownsample", Downsample)
    assert np.abs(encode(weights) - golden["vae/moments"]).max() > 100 * FP64
