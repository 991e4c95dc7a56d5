"""Whole denoising runs of Video-Infinity's public code, replayed: its sampler over `predict`."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from convert.diffusers_unet3d import table
from tests.parity.formula import normal, parameters
from tests.tolerances import OP
from vinf_jax.diffusion.denoiser import denoiser, guided
from vinf_jax.diffusion.samplers import DPMSolver
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.parameters import abstract, merge, split
from vinf_jax.systems.video_infinity import predict, scope_of

FIXTURES = Path(__file__).parents[1] / "data" / "video_infinity"
SHAPE = {"channels": (32, 64, 64, 64), "layers": 1}
SIZES = {"head_size": 16, "context_width": 24, "norm_groups": 8}
SCHEDULE = Schedule.scaled_linear()
RUNS = {
    "denoise_dpmsolverpp_ws1": DPMSolver(SCHEDULE, 5, stochastic=False),
    "denoise_sde-dpmsolverpp_ws1": DPMSolver(SCHEDULE, 5),
}


@pytest.fixture(scope="module")
def weights():
    graph, like = split(abstract(lambda rngs: UNet3D(**SHAPE, **SIZES, rngs=rngs)))
    return graph, parameters(table(**SHAPE), like, sharp=True)


def scope_in(settings):
    """The scope that a fixture's own settings mean."""
    attn = settings["attn"]
    fields = {name: attn[name] for name in ("padding", "top_k", "attn_scale", "token_num_scale")}
    phases = {
        name: {
            "t": attn[name]["t"],
            "local_bias": attn[name]["local_biase"],
            "global_bias": attn[name]["global_biase"],
        }
        for name in ("local_phase", "global_phase")
    }
    return scope_of({"preset": "reference", "ranks": 1, **fields, **phases})


@pytest.mark.parametrize("name", RUNS)
def test_every_step_of_a_run(x64, weights, name):
    settings = json.loads((FIXTURES / f"{name}.json").read_text())
    with np.load(FIXTURES / f"{name}.npz") as stored:
        expected = np.moveaxis(stored["rank0.per_step"], 2, -1)
        times = stored["timesteps"]
    graph, arrays = weights
    unet = merge(graph, {key: jnp.asarray(value) for key, value in arrays.items()})
    text = normal(77, 2, 1, 7, 24)[:, 0]

    def halves(x, time):
        both = jnp.concatenate([x, x])
        return predict(unet, both, time, text, fps=24, scope=scope_in(settings))[:, None]

    sampler = RUNS[name]
    np.testing.assert_array_equal(sampler.times, times)
    denoise = guided(denoiser(halves, SCHEDULE), settings["guidance"])
    noise = jnp.asarray(np.moveaxis(normal(8010, 5, 6, 4, 8, 16), 2, -1)[:, None])
    state = sampler.init(jnp.asarray(np.moveaxis(normal(7010, 1, 4, 6, 8, 16), 1, -1)))
    for i, wanted in enumerate(expected):
        state = sampler.step(state, denoise, i, noise[i])
        error = np.abs(np.asarray(state["x"]) - wanted).max() / np.abs(wanted).max()
        assert error < OP, (i, error)
