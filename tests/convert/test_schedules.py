"""Schedules as others store them: recomputed, compared, and given back."""

import numpy as np
import pytest

from convert import schedules
from tests.convert.sources import buffers
from vinf_jax.diffusion.schedule import Schedule


def stored(schedule):
    return {name: x.astype(np.float32) for name, x in schedules.recomputed(schedule).items()}


def test_buffers_agree_with_the_recomputed_ones():
    found = schedules.of_buffers(buffers())
    assert found.schedule == Schedule.videocrafter2()
    assert found.said["agree"] and found.said["buffers"] == 13
    assert found.said["largest_difference"] < 1e-6


@pytest.mark.parametrize("name", ["betas", "posterior_variance", "sqrt_recipm1_alphas_cumprod"])
def test_a_differing_buffer_is_told(name):
    changed = buffers()
    changed[name][500] *= 1.01
    changed[name][500] += 1e-3
    found = schedules.of_buffers(changed)
    assert not found.said["agree"]
    assert found.said["differing"] == [name]


def test_posterior_is_the_textbook_one():
    """Against the definition by betas, in another order of operations."""
    made = schedules.recomputed(Schedule.scaled_linear())
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    alphas = np.cumprod(1 - betas)
    assert np.allclose(made["betas"], betas, rtol=1e-10, atol=0)
    t = 700
    wanted = np.sqrt(1 - betas[t]) * (1 - alphas[t - 1]) / (1 - alphas[t])
    assert np.isclose(made["posterior_mean_coef2"][t], wanted, rtol=1e-10, atol=0)


def test_another_schedule_is_the_files_own():
    own = Schedule.scaled_linear(0.001, 0.02)
    found = schedules.of_buffers(stored(own))
    assert found.said["kind"] == "the file's own"
    assert found.said["agree"] and not found.said["signal_scale"]
    assert np.allclose(found.schedule.alphas_cumprod, own.alphas_cumprod, rtol=1e-5, atol=0)


def test_no_buffers_no_schedule():
    assert schedules.of_buffers({"scale_arr": np.ones(1000)}) is None


@pytest.mark.parametrize(
    ("scale", "said"),
    [(np.ones(10), "one factor for 1000 times"), (np.ones(1400), "more factors than")],
)
def test_strange_signal_scales_are_refused(scale, said):
    with pytest.raises(ValueError, match=said):
        schedules.of_buffers(buffers() | {"scale_arr": scale})


@pytest.mark.parametrize("prediction", ["epsilon", "v", "x0"])
@pytest.mark.parametrize(
    "schedule", [Schedule.scaled_linear(), Schedule.scaled_linear(0.001, 0.02)]
)
def test_configs_there_and_back(schedule, prediction):
    config = schedules.config_of(schedule, prediction)
    found = schedules.of_config(config).schedule
    assert np.allclose(found.alphas_cumprod, schedule.alphas_cumprod, rtol=1e-12, atol=0)
    assert schedules.prediction_of(config) == prediction


def test_modelscopes_config():
    """The one of zeroscope too: DDIM, scaled linear; there is nothing that tells them apart."""
    config = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    assert schedules.of_config(config).schedule == Schedule.scaled_linear()
    assert schedules.of_config(None).schedule == Schedule.scaled_linear()
    linear = schedules.of_config({"beta_schedule": "linear"}).schedule
    assert np.isclose(linear.alphas_cumprod[0], 1 - 0.00085, rtol=1e-12)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"beta_schedule": "squaredcos_cap_v2"}, "only scaled_linear, linear and trained_betas"),
        ({"rescale_betas_zero_snr": True}, "rescale_betas_zero_snr is not supported"),
        ({"num_train_timesteps": 10**12}, "num_train_timesteps 1000000000000"),
        ({"beta_start": "small"}, "beta_schedule 'scaled_linear'"),
        ({"trained_betas": [0.1, "x"]}, "trained_betas"),
    ],
)
def test_configs_that_are_not_known_are_refused(config, said):
    with pytest.raises(ValueError, match=said):
        schedules.of_config(config)
    with pytest.raises(ValueError, match="prediction_type 'flow'; epsilon, v_prediction"):
        schedules.prediction_of({"prediction_type": "flow"})


@pytest.mark.parametrize(
    "config",
    [
        {"prediction_type": ["epsilon"]},
        {"beta_start": 10**400},
        {"trained_betas": [10**400, 0.1]},
    ],
)
def test_values_of_another_kind_are_refused(config):
    with pytest.raises(ValueError, match=r"scheduler_config\.json"):
        schedules.prediction_of(config)
        schedules.of_config(config)


def test_one_number_is_no_schedule():
    with pytest.raises(ValueError, match="alphas_cumprod has shape"):
        schedules.of_buffers({"alphas_cumprod": np.ones(()), "scale_arr": np.ones(1000)})
