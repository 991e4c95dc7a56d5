"""The training objective is the mean squared error it says it is."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.tolerances import EXACT, FP64
from vinf_jax.diffusion.denoiser import KINDS, clean_and_noise, training_target
from vinf_jax.diffusion.losses import denoising_loss
from vinf_jax.diffusion.schedule import Schedule

TIMES = jnp.array([0, 120, 640, 999])
SCHEDULES = [Schedule.scaled_linear(), Schedule.videocrafter2()]


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape))


def wrong(x, times):
    return jnp.tanh(x + times.astype(x.dtype)[:, None, None] / 1000)


@pytest.mark.parametrize("weight", ["uniform", "min_snr"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_model_loses_nothing(kind, weight):
    schedule, x0, noise = SCHEDULES[0], normal(1, 4, 2, 3), normal(2, 4, 2, 3)

    def perfect(x, times):
        return training_target(schedule, kind, x0, noise, times)

    assert denoising_loss(perfect, schedule, kind, x0, noise, TIMES, weight) == EXACT


@pytest.mark.parametrize("kind", KINDS)
def test_uniform_is_the_mean_over_everything(x64, kind):
    schedule, x0, noise = SCHEDULES[1], normal(1, 4, 2, 3), normal(2, 4, 2, 3)
    total = 0.0
    for b, time in enumerate(TIMES.tolist()):
        alpha, sigma = schedule.alphas[time], schedule.sigmas[time]
        said = np.tanh(alpha * x0[b] + sigma * noise[b] + time / 1000)
        truth = {"epsilon": noise[b], "x0": x0[b], "v": alpha * noise[b] - sigma * x0[b]}[kind]
        total += ((said - truth) ** 2).sum()
    loss = denoising_loss(wrong, schedule, kind, x0, noise, TIMES)
    np.testing.assert_allclose(loss, total / x0.size, rtol=0, atol=FP64)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=["plain", "signal scale"])
def test_min_snr_weighs_the_error_of_x0(x64, kind, schedule):
    """The same loss for every kind: min(SNR, 5) times the squared error of the x0 it implies."""
    x0, noise = normal(1, 4, 2, 3), normal(2, 4, 2, 3)
    x = schedule.noisy(x0, noise, TIMES)
    found, _ = clean_and_noise(schedule, kind, wrong(x, TIMES), x, TIMES)
    snr = (schedule.alphas / schedule.sigmas)[np.asarray(TIMES)] ** 2
    expected = (np.minimum(snr, 5)[:, None, None] * (found - x0) ** 2).mean()
    loss = denoising_loss(wrong, schedule, kind, x0, noise, TIMES, "min_snr")
    np.testing.assert_allclose(loss, expected, rtol=FP64)


@pytest.mark.parametrize("kind", ["epsilon", "v"])
def test_min_snr_weights_of_the_paper(x64, kind):
    schedule, time = SCHEDULES[0], jnp.array([300])
    x0, noise = normal(1, 1, 2, 3), normal(2, 1, 2, 3)
    snr = schedule.alphas_cumprod[300] / (1 - schedule.alphas_cumprod[300])
    weight = min(snr, 0.5) / {"epsilon": snr, "v": snr + 1}[kind]
    plain = denoising_loss(wrong, schedule, kind, x0, noise, time)
    weighted = denoising_loss(wrong, schedule, kind, x0, noise, time, "min_snr", gamma=0.5)
    np.testing.assert_allclose(weighted, weight * plain, rtol=FP64)


def test_unknown_weight_is_refused():
    x0 = normal(1, 4, 2, 3)
    with pytest.raises(ValueError, match="'snr' is unknown: give uniform or min_snr"):
        denoising_loss(wrong, SCHEDULES[0], "v", x0, x0, TIMES, "snr")
