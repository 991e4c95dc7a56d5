"""Known frames: seen at each step's level with their own noise, clean between steps and after."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.tolerances import EXACT, FP64
from vinf_jax.diffusion import known as known_frames
from vinf_jax.diffusion.samplers import DDIM, DPMSolver
from vinf_jax.diffusion.schedule import Schedule

FRAMES = 6
KNOWN = np.array([True, False, False, True, False, True])
PLAIN = Schedule.scaled_linear()
SAMPLERS = [
    DDIM(Schedule.videocrafter2(), 4),
    DDIM(PLAIN, 5, eta=0.0),
    DPMSolver(PLAIN, 4),
    DPMSolver(PLAIN, 5, stochastic=False, karras=True),
]


def normal(seed):
    return jnp.asarray(np.random.default_rng(seed).standard_normal((FRAMES, 2)))


def sampled(sampler, denoise, known, latest=known_frames.OWN_LEVEL, halves=1):
    """The states of all steps, the first included, and what the halves saw."""
    clean, own, seen = normal(1), normal(2), []
    shown = known_frames.levels(sampler, sampler.schedule, latest, halves)
    known = jnp.asarray(known)[:, None]

    def watched(x, time):
        seen.append(np.asarray(x))
        return denoise(x, time)[-1]

    states = [known_frames.hold(sampler.init(own), clean, known)]
    for i in range(len(sampler.times)):
        noise = normal(10 + i) if sampler.stochastic else None
        around = {"known": known, "own": own, "shown": shown}
        states.append(known_frames.step(sampler, states[-1], watched, i, noise, **around))
    return states, seen


@pytest.mark.parametrize("latest", [0, 300, known_frames.OWN_LEVEL])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_known_frames_stay_and_the_others_do_not_mind(x64, sampler, latest):
    """With a denoiser that treats frames by themselves the others come out as without."""

    def denoise(x, time):
        return jnp.tanh(x) + time / 1000

    states, seen = sampled(sampler, denoise, KNOWN, latest)
    for state in states:
        for x in state.values():
            np.testing.assert_array_equal(x[KNOWN], normal(1)[KNOWN])
    expected, everything = sampled(sampler, denoise, np.zeros(FRAMES, bool))
    for state, other in zip(states, expected, strict=True):
        for name, x in other.items():
            assert np.abs(state[name] - x)[~KNOWN].max() == EXACT
    for x, other in zip(seen, everything, strict=True):
        np.testing.assert_array_equal(x[:, ~KNOWN], other[:, ~KNOWN])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_network_finds_known_frames_at_the_level_of_their_step(x64, sampler):
    clean, own, table = normal(1), normal(2), sampler.table
    _, seen = sampled(sampler, lambda x, time: jnp.zeros_like(x), KNOWN)
    for i, x in enumerate(seen):
        level = table.alpha[i] * clean + table.sigma[i] * own
        assert np.abs(x[0] - level)[KNOWN].max() < FP64
    alphas = sampler.schedule.levels(jnp.asarray(sampler.times), jnp.zeros((len(seen), 1)))[0]
    if not getattr(sampler, "karras", False):
        np.testing.assert_allclose(alphas[:, 0], table.alpha, atol=FP64)


@pytest.mark.parametrize("halves", [1, 2])
@pytest.mark.parametrize("latest", [0, 50, 400])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_known_frames_can_be_shown_no_noisier_than_at_a_time(x64, sampler, latest, halves):
    """With their own noise still, and at a step's own level where that is less. The half without
    the prompt sees them later than the step is; both see the other frames as they are."""
    clean, own, schedule, table = normal(1), normal(2), sampler.schedule, sampler.table
    states, seen = sampled(sampler, lambda x, time: jnp.zeros_like(x), KNOWN, latest, halves)
    for i, time in enumerate(sampler.times):
        alpha, sigma = table.alpha[i], table.sigma[i]
        if time > latest:
            alpha, sigma = schedule.alphas[latest], schedule.sigmas[latest]
        assert np.abs(seen[i][-1] - alpha * clean - sigma * own)[KNOWN].max() < FP64
        after = min(round(float(time)) + known_frames.LATER, 999)
        level = schedule.alphas[after] * clean + schedule.sigmas[after] * own
        assert len(seen[i]) == halves
        for half in seen[i][:-1]:
            assert np.abs(half - level)[KNOWN].max() < FP64
        for half in seen[i]:
            np.testing.assert_array_equal(half[~KNOWN], states[i]["x"][~KNOWN])
