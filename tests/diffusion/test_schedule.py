"""Schedules and time grids, against numbers of the public implementations (schedules.json)."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from tests.tolerances import EXACT, FP64, OP
from vinf_jax.diffusion.samplers import DDIM, DPMSolver
from vinf_jax.diffusion.schedule import (
    Schedule,
    ddim_step_troubles,
    ddim_times,
    karras,
    noise_ratios,
    solver_times,
    videocrafter2_signal_scale,
)

RECORD = json.loads((Path(__file__).parents[1] / "data" / "schedules.json").read_text())
VC2, VI = RECORD["vc2"], RECORD["vi"]
VC2_STEPS = [name for name in VC2 if name[0] == "S"]
VI_GRIDS = [name for name in VI if name.startswith(("as_shipped_", "if_karras_"))]


def close(ours, theirs, tolerance):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


def test_alphas_cumprod_match_videocrafter2():
    ac = Schedule.scaled_linear().alphas_cumprod
    betas = 1 - ac / np.append(1.0, ac[:-1])
    close(betas[[0, 1, 999]], [VC2["beta0"], VC2["beta1"], VC2["beta999"]], FP64)
    close(ac[[0, 500, 999]], [VC2["ac0"], VC2["ac500"], VC2["ac999"]], FP64)


def test_defaults_are_the_resolved_config_of_video_infinity():
    config = VI["config"]
    explicit = Schedule.scaled_linear(
        config["beta_start"], config["beta_end"], config["num_train_timesteps"]
    )
    assert explicit == Schedule.scaled_linear()


@pytest.mark.parametrize("name", VC2_STEPS)
def test_ddim_matches_videocrafter2(name):
    """Theirs keeps alphas_cumprod in float32, hence the tolerance of float32."""
    expected = VC2[name]
    sampler = DDIM(Schedule.videocrafter2(), int(name[1:]))
    times, then = sampler.times[::-1], np.append(0, sampler.times[:0:-1])
    fresh, alpha, keep = (
        getattr(sampler.table, column)[::-1] for column in ("fresh", "alpha", "keep")
    )
    ac = sampler.schedule.alphas_cumprod
    assert len(times) == expected["n"]
    assert times[:4].tolist() == expected["first"]
    assert times[-3:].tolist() == expected["last"]
    close(fresh[:3], expected["sigma_first"], OP)
    close(fresh[-2:], expected["sigma_last"], OP)
    close(ac[[times[-1], then[0]]], [expected["a_last"], expected["aprev0"]], OP)
    scale, scale_then = alpha / np.sqrt(ac[times]), keep / np.sqrt(ac[then])
    close(scale[[0, -1]], [expected["scale_t0"], expected["scale_last"]], FP64)
    close(scale[:3], expected["scale_t_first"], FP64)
    close(scale_then[:3], expected["scale_prev_first"], FP64)


@pytest.mark.parametrize("name", VI_GRIDS)
def test_solver_grid_matches_diffusers(name):
    grid, steps = name.rsplit("_", 1)
    sampler = DPMSolver(Schedule.scaled_linear(), int(steps), karras=grid == "if_karras")
    assert sampler.times.tolist() == VI[name]["timesteps"]
    close(sampler.sigmas, VI[name]["sigmas"], OP)  # theirs are float32
    assert sampler.sigmas[-1] == VI["final_sigma"]


def test_signal_scale_falls_until_399():
    scale = videocrafter2_signal_scale()
    close(scale[[0, 133, 399, 400, 999]], [1, 0.9, 0.7, 0.7, 0.7], FP64)


def test_ddim_times_exist_or_are_refused():
    refused = [steps for steps in range(1, 1001) if ddim_step_troubles(steps)]
    for steps in sorted(set(range(1, 1001)) - set(refused)):
        grid = list(range(1, 1001, 1000 // steps))
        assert max(grid) <= 999 and ddim_times(steps).tolist() == grid[::-1]
    for steps in refused:
        assert max(range(1, 1001, 1000 // steps)) == 1000


@pytest.mark.parametrize("steps, near", [(3, "2 and 4"), (37, "35 and 38"), (1000, "500")])
def test_refused_ddim_counts_name_the_nearest_that_fit(steps, near):
    with pytest.raises(ValueError, match=f"^steps={steps}: .*time 1000, .* that fit are {near}$"):
        ddim_times(steps)


@pytest.mark.parametrize("steps", [-3, 0, 1001])
@pytest.mark.parametrize("grid", [ddim_times, solver_times])
def test_step_counts_out_of_range_are_refused(grid, steps):
    with pytest.raises(ValueError, match=f"steps={steps}: give a whole number .* from 1 to"):
        grid(steps)


@pytest.mark.parametrize("steps", [1, 2, 14, 30, 999])
def test_solver_times_fall_from_the_last_time(steps):
    times = solver_times(steps)
    assert len(times) == steps and times[0] == 999 and times[-1] > 0
    assert (np.diff(times) < 0).all()


def test_karras_ends_are_the_schedule_s_own():
    schedule = Schedule.scaled_linear()
    times, ratios = karras(schedule, 12)
    close(ratios[[0, -2]], noise_ratios(schedule)[[999, 0]], FP64)
    assert times[0] == 999 and times[-1] == 0 and ratios[-1] == 0
    assert (np.diff(ratios) < 0).all()


def test_schedules_compare_and_hash_by_content():
    one, same = Schedule.scaled_linear(), Schedule.scaled_linear()
    assert one == same and hash(one) == hash(same)
    assert one != Schedule.videocrafter2() and one != Schedule.scaled_linear(0.0015, 0.0195)
    assert DDIM(one, 50) == DDIM(same, 50) and hash(DDIM(one, 50)) == hash(DDIM(same, 50))
    with pytest.raises(ValueError, match="read-only"):
        one.alphas_cumprod[0] = 0.5


def test_bad_tables_are_refused_in_one_message():
    with pytest.raises(
        ValueError, match=r"alphas_cumprod must fall.*signal_scale has shape \(2,\)"
    ):
        Schedule(np.array([0.9, 0.95, 0.5]), np.ones(2))
    with pytest.raises(ValueError, match=r"shape \(1, 3\)"):
        Schedule(np.array([[0.9, 0.8, 0.7]]))
    with pytest.raises(ValueError, match="signal_scale must be above 0"):
        Schedule(np.array([0.9, 0.5]), np.array([1.0, 0.0]))


def test_levels_broadcast_per_sample_and_refuse_no_time_silently(x64):
    schedule, x = Schedule.videocrafter2(), jnp.ones((3, 2, 5))
    alpha, sigma = schedule.levels(jnp.array([0, 500, 999]), x)
    assert alpha.shape == sigma.shape == (3, 1, 1)
    close(alpha[:, 0, 0], schedule.alphas[[0, 500, 999]], EXACT)
    close(sigma[:, 0, 0], schedule.sigmas[[0, 500, 999]], EXACT)
    for nowhere in (-1, 1000):
        assert jnp.isnan(schedule.levels(nowhere, x)[0])


def test_noisy_is_the_forward_process(x64):
    schedule = Schedule.videocrafter2()
    x0, noise = np.random.default_rng(0).standard_normal((2, 2, 7))
    noisy = schedule.noisy(jnp.asarray(x0), jnp.asarray(noise), jnp.array([3, 700]))
    for row, time in enumerate((3, 700)):
        a, s = schedule.alphas_cumprod[time], max(0.7, 1 - 0.3 * time / 399)
        close(noisy[row], np.sqrt(a) * s * x0[row] + np.sqrt(1 - a) * noise[row], FP64)
