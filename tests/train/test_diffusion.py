"""What the second stage of the text-to-video training draws and minimises."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.tolerances import OP
from train.diffusion import WORDS, framewise_loss, told_apart
from vinf_jax.diffusion.losses import denoising_loss, diffusion_times
from vinf_jax.diffusion.schedule import Schedule

SCHEDULE = Schedule.scaled_linear()


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def bent(x, times):
    return jnp.sin(x) * (1 + times[:, None, None, None, None] / 1000)


def test_a_share_of_the_times_is_drawn_from_the_focus():
    shares = jnp.repeat(jnp.float32([0, 1]), 500)
    focus = jnp.tile(jnp.int32([900, 950]), (1000, 1))
    times = np.asarray(diffusion_times(jax.random.key(0), focus, shares, 1000))
    assert times[:500].min() < 100 < 990 < times[:500].max()
    assert set(times[500:]) == set(range(900, 950))


def test_frames_of_one_time_have_the_plain_loss():
    x0, noise, times = normal(1, 3, 4, 2, 2, 4), normal(2, 3, 4, 2, 2, 4), jnp.array([5, 500, 990])
    plain = denoising_loss(bent, SCHEDULE, "v", x0, noise, times)
    each = jnp.broadcast_to(times[:, None], (3, 4))
    framewise = framewise_loss(bent, SCHEDULE, "v", x0, noise, each)
    np.testing.assert_allclose(framewise, plain, rtol=OP)


def test_a_frame_that_is_known_is_seen_and_does_not_count():
    x0, noise = normal(1, 1, 3, 2, 2, 4), normal(2, 1, 3, 2, 2, 4)
    times = jnp.array([[900, 10, 900]])
    seen = []

    def model(x, times):
        seen.append((x, times))
        return bent(x, times)

    loss = framewise_loss(model, SCHEDULE, "v", x0, noise, times)
    (x, told) = seen[0]
    assert told.tolist() == [900]
    np.testing.assert_allclose(x[:, 1], SCHEDULE.noisy(x0[:, 1], noise[:, 1], 10), rtol=OP)
    others = [0, 2]
    alone = denoising_loss(bent, SCHEDULE, "v", x0[:, others], noise[:, others], jnp.array([900]))
    np.testing.assert_allclose(loss, alone, rtol=OP)


def test_words_that_are_told_apart_are_as_far_apart_as_words_are_long():
    table = normal(3, 9, 16).at[4].set(normal(3, 9, 16)[2])
    state = {name: {WORDS: table, "other": table} for name in ("parameters", "average")}
    new = told_apart(state | {"step": 3}, np.array([2, 4]))
    size = float(jnp.linalg.norm(table, axis=1).mean())
    for name in ("parameters", "average"):
        moved = new[name][WORDS] - table
        assert not moved[jnp.array([0, 1, 3, 5, 6, 7, 8])].any()
        apart = new[name][WORDS][2] - new[name][WORDS][4]
        np.testing.assert_allclose(jnp.linalg.norm(apart), 2**0.5 * size, rtol=OP)
        assert new[name]["other"] is table
    assert new["step"] == 3
