"""PVDM's sampler against its public code's loops, retold in numpy."""

import json
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.tolerances import EXACT, FP64
from vinf_jax.diffusion.clamped import Clamped
from vinf_jax.diffusion.samplers import Sampler
from vinf_jax.diffusion.schedule import Schedule, truncated_times

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "schedules.json").read_text())["pvdm"]
SHORT = Schedule.scaled_linear(0.0015, 0.0195, num_train=12)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def bent(x, time):
    """A prediction so far off that many estimates need the clamp; numpy and jax alike."""
    return 0.4 * x / (1 + 0.1 * x**2) + 0.3 * time / 1000


def run(sampler, start, noise):
    noise = jnp.asarray(noise)
    state = jax.lax.fori_loop(
        0,
        len(sampler.times),
        lambda i, state: sampler.step(state, bent, i, noise[i]),
        sampler.init(jnp.asarray(start)),
    )
    return sampler.result(state)


def slow_ddim(ac, x, noise, steps, eta, limit=1.0):
    times = [int(t) for t in np.linspace(-1, len(ac) - 1, steps + 1)][::-1]
    for step, (time, then) in enumerate(pairwise(times)):
        epsilon, a = bent(x, time), ac[time]
        x0 = np.clip((x - np.sqrt(1 - a) * epsilon) / np.sqrt(a), -limit, limit)
        if then < 0:
            return x0
        b = ac[then]
        sigma = eta * np.sqrt((1 - a / b) * (1 - b) / (1 - a))
        x = np.sqrt(b) * x0 + np.sqrt(1 - b - sigma**2) * epsilon + sigma * noise[step]
    raise AssertionError("the last time is -1")


def slow_ddpm(ac, x, noise):
    for step, time in enumerate(reversed(range(len(ac)))):
        before = ac[time - 1] if time else 1.0
        beta = 1 - ac[time] / before
        x0 = (x - np.sqrt(1 - ac[time]) * bent(x, time)) / np.sqrt(ac[time])
        mean = beta * np.sqrt(before) / (1 - ac[time]) * np.clip(x0, -1, 1)
        mean = mean + (1 - before) * np.sqrt(1 - beta) / (1 - ac[time]) * x
        spread = np.sqrt(beta * (1 - before) / (1 - ac[time]))
        x = mean + (spread * noise[step] if time else 0)
    return x


@pytest.mark.parametrize("steps", [20, 100, 200, 400])
def test_times_are_the_recorded_ones(steps):
    recorded = RECORDED[f"S{steps}"]
    times = [*truncated_times(steps).tolist(), -1]
    assert (len(times), times[:6], times[-6:]) == (
        recorded["n"],
        recorded["head"],
        recorded["tail"],
    )


def test_the_schedule_is_the_recorded_one():
    ac = Schedule.pvdm().alphas_cumprod
    np.testing.assert_allclose([ac[0], ac[999]], [RECORDED["ac0"], RECORDED["ac999"]], atol=FP64)


@pytest.mark.parametrize("steps", [1, 7, 16])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_agrees_with_the_public_loop(x64, steps, eta):
    schedule, start, noise = Schedule.pvdm(), normal(1, 2, 5, 4), normal(2, steps, 2, 5, 4)
    ours = run(Clamped(schedule, steps, eta), start, noise)
    slow = slow_ddim(schedule.alphas_cumprod, start, noise, steps, eta)
    loose = slow_ddim(schedule.alphas_cumprod, start, noise, steps, eta, limit=np.inf)
    assert np.abs(slow - loose).max() > 0.1
    np.testing.assert_allclose(ours, slow, atol=FP64)


def test_as_many_steps_as_times_are_ancestral(x64):
    start, noise = normal(3, 2, 5, 4), normal(4, 12, 2, 5, 4)
    ours = run(Clamped(SHORT, 12, eta=0.0), start, noise)
    np.testing.assert_allclose(ours, slow_ddpm(SHORT.alphas_cumprod, start, noise), atol=FP64)


def test_one_step_is_the_clamped_estimate():
    schedule, start = Schedule.pvdm(), jnp.asarray(normal(5, 1, 3, 4), jnp.float32)
    state = Clamped(schedule, 1).step({"x": start, "x0": start}, bent, 0, jnp.full_like(start, 9))
    np.testing.assert_allclose(state["x"], state["x0"], atol=EXACT)


def test_it_is_a_sampler_and_refuses_what_it_cannot_do():
    assert isinstance(Clamped(SHORT, 4), Sampler)
    assert not Clamped(SHORT, 4, eta=0.0).stochastic
    with pytest.raises(ValueError, match=r"steps=13: give a whole number .* from 1 to 12"):
        Clamped(SHORT, 13)
    with pytest.raises(ValueError, match="eta=2"):
        Clamped(SHORT, 4, eta=2)
