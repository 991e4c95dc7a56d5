"""Samplers against slow twins, against what is known in closed form, and against Video-Infinity."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.tolerances import BF16, EXACT, FP64, OP
from vinf_jax.diffusion.denoiser import KINDS, denoiser, training_target
from vinf_jax.diffusion.samplers import DDIM, DPMSolver, Sampler
from vinf_jax.diffusion.schedule import Schedule

PLAIN, SCALED = Schedule.scaled_linear(), Schedule.videocrafter2()
FIXTURES = Path(__file__).parents[1] / "data" / "video_infinity"
EVERY = [
    DDIM(SCALED, 30),
    DDIM(PLAIN, 10, eta=0),
    DPMSolver(PLAIN, 6),
    DPMSolver(PLAIN, 6, stochastic=False, karras=True),
]


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def bent(x, time):
    """A prediction that is neither linear nor right; numpy and jax alike."""
    return 0.9 * x / (1 + 0.1 * x**2) + 0.3 * time / 1000


def run(sampler, denoise, start, noise):
    """All steps in one compiled loop, so with a traced i."""
    noise = jnp.asarray(noise)
    state = jax.lax.fori_loop(
        0,
        len(sampler.times),
        lambda i, state: sampler.step(state, denoise, i, noise[i]),
        sampler.init(jnp.asarray(start)),
    )
    return sampler.result(state)


def slow_ddim(x, noise, steps, eta, use_scale):
    """VideoCrafter2's loop, as its code reads."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    ac = np.cumprod(1 - betas)

    def scale(t):
        return max(1 - 0.3 * t / 399, 0.7) if use_scale else 1.0

    times = [t + 1 for t in range(0, 1000, 1000 // steps)]
    for step, i in enumerate(reversed(range(len(times)))):
        t = times[i]
        t_prev = times[i - 1] if i > 0 else 0
        a, a_prev = ac[t], ac[t_prev]
        s = eta * np.sqrt((1 - a_prev) / (1 - a) * (1 - a / a_prev))
        e = bent(x, t)
        x0 = (x - np.sqrt(1 - a) * e) / np.sqrt(a) / scale(t)
        x = np.sqrt(a_prev) * scale(t_prev) * x0 + np.sqrt(1 - a_prev - s**2) * e + s * noise[step]
    return x


def slow_dpm(x, noise, times, sigmas, stochastic):
    """The multistep solver in the paper's own letters: lambda, h and r."""
    alpha = [1 / np.sqrt(1 + sigma**2) for sigma in sigmas]
    level = [sigma * a for sigma, a in zip(sigmas, alpha, strict=True)]
    lam = [np.log(a / s) if s > 0 else np.inf for a, s in zip(alpha, level, strict=True)]
    x0_prev = None
    for i, t in enumerate(times):
        x0 = (x - level[i] * bent(x, t)) / alpha[i]
        if i == len(times) - 1:
            return x0
        h = lam[i + 1] - lam[i]
        correction = 0
        if i > 0:
            r = (lam[i] - lam[i - 1]) / h
            correction = 0.5 * (x0 - x0_prev) / r
        ratio = level[i + 1] / level[i]
        if stochastic:
            x = ratio * np.exp(-h) * x + alpha[i + 1] * (1 - np.exp(-2 * h)) * (x0 + correction)
            x = x + level[i + 1] * np.sqrt(1 - np.exp(-2 * h)) * noise[i]
        else:
            x = ratio * x - alpha[i + 1] * (np.exp(-h) - 1) * (x0 + correction)
        x0_prev = x0
    raise AssertionError("no steps")


@pytest.mark.parametrize("steps, count", [(10, 10), (30, 31)])
@pytest.mark.parametrize("eta", [0, 0.4, 1.0])
@pytest.mark.parametrize("schedule", [PLAIN, SCALED], ids=["plain", "signal scale"])
def test_ddim_equals_slow_twin(x64, steps, count, eta, schedule):
    sampler = DDIM(schedule, steps, eta)
    start, noise = normal(0, 2, 5), normal(1, count, 2, 5)
    assert len(sampler.times) == count
    expected = slow_ddim(start, noise, steps, eta, schedule is SCALED)
    np.testing.assert_allclose(run(sampler, bent, start, noise), expected, rtol=0, atol=FP64)


@pytest.mark.parametrize("steps", [1, 2, 3, 20])
@pytest.mark.parametrize("stochastic", [True, False])
@pytest.mark.parametrize("karras", [True, False])
def test_dpm_solver_equals_slow_twin(x64, steps, stochastic, karras):
    sampler = DPMSolver(PLAIN, steps, stochastic, karras)
    start, noise = normal(0, 2, 5), normal(1, steps, 2, 5)
    expected = slow_dpm(start, noise, sampler.times, sampler.sigmas, stochastic)
    np.testing.assert_allclose(run(sampler, bent, start, noise), expected, rtol=0, atol=FP64)


@pytest.mark.parametrize("sampler", EVERY, ids=str)
def test_one_compilation_serves_all_steps(x64, sampler):
    """A traced i and a Python int give the same step; the sampler itself is a static argument."""
    traces = []

    @partial(jax.jit, static_argnums=0)
    def step(sampler, state, i, noise):
        traces.append(i)
        return sampler.step(state, bent, i, noise)

    noise = jnp.asarray(normal(1, len(sampler.times), 2, 5))
    traced = static = sampler.init(jnp.asarray(normal(0, 2, 5)))
    for i in range(len(sampler.times)):
        traced = step(sampler, traced, i, noise[i])
        static = sampler.step(static, bent, i, noise[i])
    assert len(traces) == 1
    for name, leaf in static.items():
        np.testing.assert_allclose(traced[name], leaf, rtol=0, atol=FP64)


MEAN, DEVIATION = 0.7, 0.5


def gaussian(schedule, kind):
    """The perfect model of data that is N(MEAN, DEVIATION^2): its answer of this kind at x."""

    def model(x, time):
        alpha, sigma = schedule.levels(time, x)
        epsilon = sigma * (x - alpha * MEAN) / ((alpha * DEVIATION) ** 2 + sigma**2)
        return training_target(schedule, kind, (x - sigma * epsilon) / alpha, epsilon, time)

    return denoiser(model, schedule, kind)


@pytest.mark.parametrize(
    "sampler",
    [
        DDIM(SCALED, 500),
        DDIM(PLAIN, 500, eta=0),
        DPMSolver(PLAIN, 200),
        DPMSolver(PLAIN, 200, stochastic=False),
        DPMSolver(PLAIN, 50, karras=True),
        DPMSolver(PLAIN, 50, stochastic=False, karras=True),
    ],
    ids=str,
)
def test_samples_of_a_perfect_model_have_the_data_s_moments(sampler):
    """Both moments to 0.02: 20,000 samples know them to 0.005, the rest is for finite steps."""
    noise = normal(1, len(sampler.times), 20_000).astype(np.float32)
    schedule, last = sampler.schedule, sampler.times[0]
    data = MEAN + DEVIATION * normal(2, 20_000)
    start = schedule.alphas[last] * data + schedule.sigmas[last] * normal(0, 20_000)
    samples = run(sampler, gaussian(schedule, "epsilon"), start.astype(np.float32), noise)
    np.testing.assert_allclose(samples.mean(), MEAN, atol=0.02)
    np.testing.assert_allclose(samples.std(), DEVIATION, atol=0.02)


@pytest.mark.parametrize("sampler", EVERY, ids=str)
def test_kinds_of_a_perfect_model_walk_the_same_path(x64, sampler):
    start, noise = normal(0, 2, 5), normal(1, len(sampler.times), 2, 5)
    ends = [run(sampler, gaussian(sampler.schedule, kind), start, noise) for kind in KINDS]
    np.testing.assert_allclose(ends[1], ends[0], rtol=0, atol=FP64)
    np.testing.assert_allclose(ends[2], ends[0], rtol=0, atol=FP64)


@pytest.mark.parametrize("stochastic", [True, False])
def test_last_solver_step_is_the_clean_estimate_to_the_bit(stochastic):
    sampler = DPMSolver(PLAIN, 4, stochastic)
    state = sampler.step(
        {"x": jnp.asarray(normal(0, 64)), "x0": jnp.asarray(normal(1, 64))},
        bent,
        3,
        jnp.asarray(normal(2, 64)),
    )
    np.testing.assert_allclose(sampler.result(state), state["x0"], rtol=0, atol=EXACT)


def test_ddim_ends_with_noise_and_without_it():
    """The last step of VideoCrafter2 adds noise of deviation 0.0206, for any number of steps."""
    for steps in (20, 30, 50):
        assert abs(DDIM(SCALED, steps).table.fresh[-1] - 0.0206484) < OP
    assert not DDIM(SCALED, 50, eta=0).table.fresh.any()


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
@pytest.mark.parametrize("sampler", EVERY, ids=str)
def test_state_keeps_shape_and_type_and_arithmetic_is_float32(sampler, dtype):
    x, noise = (jnp.asarray(normal(seed, 3, 4), dtype) for seed in (0, 1))
    assert isinstance(sampler, Sampler)
    state = sampler.step(sampler.init(x), bent, 1, noise)
    assert sorted(state) == ["x", "x0"]
    assert all(leaf.shape == x.shape and leaf.dtype == dtype for leaf in state.values())
    wide = sampler.step(sampler.init(x.astype(jnp.float32)), bent, 1, noise.astype(jnp.float32))
    size = float(jnp.abs(wide["x"]).max())
    np.testing.assert_allclose(
        state["x"].astype(jnp.float32) / size, wide["x"] / size, rtol=0, atol=BF16
    )


@pytest.mark.parametrize("sampler", EVERY, ids=str)
def test_noise_is_asked_for_only_where_it_is_used(sampler):
    state = sampler.init(jnp.zeros(3))
    if sampler.stochastic:
        with pytest.raises(ValueError, match="noise=None: this sampler is stochastic"):
            sampler.step(state, bent, 0)
    else:
        assert sampler.step(state, bent, 0)["x"].shape == (3,)


@pytest.mark.parametrize("i", [-1, 6])
def test_steps_that_do_not_exist_are_refused(i):
    sampler = DPMSolver(PLAIN, 6, stochastic=False)
    with pytest.raises(ValueError, match=f"i={i}: this sampler has steps 0 to 5"):
        sampler.step(sampler.init(jnp.zeros(3)), bent, i)


def test_bad_settings_are_refused_in_one_message():
    with pytest.raises(ValueError, match=r"steps=9: .* 8 and 10; eta=2"):
        DDIM(PLAIN, 9, eta=2)
    with pytest.raises(ValueError, match=r"steps=0: .*; schedule: DPMSolver takes none"):
        DPMSolver(SCALED, 0)


def test_first_step_of_video_infinity(x64):
    """Both recorded runs begin at the same latents, so at the same network answer.

    What the deterministic run made of it gives that answer back; the stochastic step with it is
    then known to the last number. Later steps need the network (tests/parity).
    """
    runs = {}
    for stochastic, name in [(False, "dpmsolverpp"), (True, "sde-dpmsolverpp")]:
        recorded = np.load(FIXTURES / f"denoise_{name}_ws1.npz")
        sampler = DPMSolver(PLAIN, 5, stochastic)
        np.testing.assert_array_equal(sampler.times, recorded["timesteps"])
        np.testing.assert_allclose(sampler.sigmas, recorded["sigmas"], rtol=0, atol=OP)
        runs[stochastic] = sampler, recorded["rank0.per_step"][0]
    start = normal(7010, 1, 4, 6, 8, 16)
    fresh = normal(8010, 5, 6, 4, 8, 16)[0].swapaxes(0, 1)[None]
    row = runs[False][0].table
    x0 = (runs[False][1] - row.keep[0] * start) / row.pull[0]
    epsilon = jnp.asarray((start - row.alpha[0] * x0) / row.sigma[0])
    sampler, expected = runs[True]
    state = sampler.init(jnp.asarray(start))
    after = sampler.step(state, lambda x, time: epsilon, 0, jnp.asarray(fresh))["x"]
    size = np.abs(expected).max()
    np.testing.assert_allclose(after / size, expected / size, rtol=0, atol=OP)
