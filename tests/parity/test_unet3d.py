"""The 3-D UNet against the public implementation, in float64, intermediate activations included."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from convert.diffusers_unet3d import table
from tests.parity.formula import normal, parameters
from tests.parity.recording import record, summary
from tests.paths import DATA
from tests.tolerances import FP64
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.parameters import abstract, merge, split
from vinf_jax.nn.transformer import GEGLU

GOLDEN = {"channels": (32, 64, 128, 128), "layers": 2, "attention": (True, True, True, False)}
ACTIVATIONS = "unet/act/"


@pytest.fixture(scope="module")
def golden():
    with np.load(DATA / "goldens.npz") as stored:
        return {name: stored[name] for name in stored if name.startswith("unet/")}


@pytest.fixture(scope="module")
def run(golden):
    """Output and summaries of activations for any frame rate; compiled once."""
    model = abstract(lambda rngs: UNet3D(**GOLDEN, head_size=8, context_width=24, rngs=rngs))
    graphdef, shapes = split(model)
    names = [name.removeprefix(ACTIVATIONS) for name in golden if name.startswith(ACTIVATIONS)]

    @jax.jit
    def forward(weights, x, text, fps):
        unet = merge(graphdef, weights)
        out, seen = record(unet, names, lambda: unet(x, jnp.full(2, 500), text, fps))
        return out, {name: summary(activation) for name, activation in seen.items()}

    weights = parameters(table(**GOLDEN), shapes)
    x, text = normal(1, 2, 4, 5, 16, 24), normal(2, 2, 77, 24)

    def at(fps):
        before = jax.config.jax_enable_x64
        jax.config.update("jax_enable_x64", True)
        try:
            out, seen = forward(weights, np.moveaxis(x, 1, -1), text, fps)
        finally:
            jax.config.update("jax_enable_x64", before)
        seen = {name: np.asarray(numbers) for name, numbers in seen.items()}
        return np.moveaxis(np.asarray(out), -1, 1), seen

    return at


def test_output(run, golden):
    out, _ = run(24.0)
    assert out.dtype == np.float64
    assert np.abs(out - golden["unet/out"]).max() < FP64


def test_activations(run, golden):
    _, seen = run(24.0)
    assert len(seen) == 10
    for name, got in seen.items():
        want = golden[ACTIVATIONS + name]
        spread = max(1, want[1])  # FP64 is for values of order one
        assert np.abs(got - want).max() < FP64 * spread, name


def test_another_frame_rate_is_another_output(run, golden):
    out, _ = run(25.0)
    assert np.abs(out - golden["unet/out"]).max() > 1e-4


def test_gelu_is_exact(x64):
    """The tanh form is 6.5e-4 off behind the whole network."""
    layer = GEGLU(1, 1, rngs=nnx.Rngs(0))
    values = np.linspace(-9, 9, 181)
    layer.proj.kernel = nnx.Param(jnp.ones((1, 2), jnp.float64))
    want = [v * v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in values]
    got = np.asarray(layer(jnp.asarray(values)[:, None]))[:, 0]
    assert np.abs(got - want).max() < FP64
