"""The three kinds of prediction are one, and guidance keeps the form of a denoiser."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.tolerances import EXACT, FP64
from vinf_jax.diffusion.denoiser import (
    KINDS,
    clean_and_noise,
    denoiser,
    guided,
    training_target,
)
from vinf_jax.diffusion.schedule import Schedule

SCHEDULES = [Schedule.scaled_linear(), Schedule.videocrafter2()]


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape))


def close(ours, theirs, tolerance):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=["plain", "signal scale"])
@pytest.mark.parametrize("time", [0, 350, 999, (1, 500, 998)])
def test_target_means_its_own_sample_and_noise(x64, kind, schedule, time):
    x0, noise, time = normal(1, 3, 4, 5), normal(2, 3, 4, 5), jnp.asarray(time)
    output = training_target(schedule, kind, x0, noise, time)
    found = clean_and_noise(schedule, kind, output, schedule.noisy(x0, noise, time), time)
    close(found[0], x0, FP64)
    close(found[1], noise, FP64)


def test_targets_are_what_the_papers_say(x64):
    schedule, x0, noise = Schedule.scaled_linear(), normal(1, 6), normal(2, 6)
    a = schedule.alphas_cumprod[400]
    close(training_target(schedule, "epsilon", x0, noise, 400), noise, EXACT)
    close(training_target(schedule, "x0", x0, noise, 400), x0, EXACT)
    v = np.sqrt(a) * noise - np.sqrt(1 - a) * x0
    close(training_target(schedule, "v", x0, noise, 400), v, FP64)


@pytest.mark.parametrize("kind", KINDS)
def test_denoiser_answers_with_epsilon(x64, kind):
    schedule, x0, noise = Schedule.videocrafter2(), normal(3, 2, 6), normal(4, 2, 6)
    denoise = denoiser(
        lambda x, time: training_target(schedule, kind, x0, noise, time), schedule, kind
    )
    close(denoise(schedule.noisy(x0, noise, 200), 200), noise, FP64)


def test_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'velocity' is unknown: give one of epsilon, x0, v"):
        denoiser(lambda x, time: x, Schedule.scaled_linear(), "velocity")


def test_guidance_identities():
    halves, x = normal(5, 2, 3, 4), normal(6, 3, 4)
    unconditional, conditional = halves
    answer = {g: guided(lambda x, time: halves, g)(x, 0) for g in (0, 1, 1.0, 12.0)}
    close(answer[1], conditional, EXACT)
    close(answer[1.0], conditional, EXACT)
    close(answer[0], unconditional, 1e-6)  # one rounding of a float32
    close(answer[12.0], unconditional + 12 * (conditional - unconditional), 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_guidance_wraps_a_denoiser_of_any_kind(x64, kind):
    """Guiding what the network says and guiding the noise are the same, and wrappers stack."""
    schedule, x, halves = Schedule.videocrafter2(), normal(7, 3, 4), normal(8, 2, 3, 4)
    denoise = guided(denoiser(lambda x, time: halves, schedule, kind), 7.5)
    blend = halves[0] + 7.5 * (halves[1] - halves[0])
    expected = clean_and_noise(schedule, kind, blend, x, 300)[1]
    close(denoise(x, 300), expected, FP64)
    twice = guided(lambda x, time: jnp.stack([denoise(x, time), denoise(x, time)]), 3.0)
    close(twice(x, 300), expected, FP64)
