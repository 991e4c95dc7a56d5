"""Noise belongs to the frame."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.parallel.clips import on_devices, simulated
from tests.tolerances import EXACT, OP
from vinf_jax.parallel.noise import frame_noise, rescheduled_noise, shared_noise

KEYS = jax.random.split(jax.random.key(5), 2)


@jax.jit
def drawn(numbers):
    return frame_noise(KEYS, numbers, (3, 2))


def noise(numbers):
    return np.asarray(drawn(jnp.asarray(numbers)))


@given(numbers=st.lists(st.integers(0, 10**6), min_size=6, max_size=6))
def test_depends_only_on_key_and_number(numbers):
    together = noise(numbers)
    assert together.shape == (2, len(numbers), 3, 2)
    for place, number in enumerate(numbers):
        alone = jax.random.normal(jax.random.fold_in(KEYS[1], number), (3, 2))
        assert np.abs(together[1, place] - alone).max() < OP


def test_differs_between_frames_and_videos():
    values = noise(range(50))
    assert len(np.unique(values)) == values.size
    assert abs(values.mean()) < 0.15 and abs(values.std() - 1) < 0.1


def test_any_clips_draw_the_same_video():
    numbers = np.arange(7)[None]
    whole = noise(range(7))
    for run, clips in [(simulated, 2), (simulated, 8), (on_devices, 3)]:
        parts = run(lambda _, part: frame_noise(KEYS, part[0], (3, 2)), numbers, clips, poison=0)
        assert np.abs(np.concatenate(list(parts), axis=1)[:, :7] - whole).max() < OP


def test_shared_noise_has_its_share_in_common():
    key, numbers, shape = jax.random.key(1)[None], jnp.arange(4), (40, 40)
    for share in (0.0, 0.3, 1.0):
        x = np.asarray(shared_noise(key, numbers, shape, share=share))[0].reshape(4, -1)
        together = np.corrcoef(x)[np.triu_indices(4, 1)]
        assert np.abs(together - share).max() < 0.1 and abs(x.std() - 1) < 0.1
    assert np.ptp(np.asarray(shared_noise(key, numbers, shape, share=1.0)), axis=1).max() == EXACT


def test_rescheduled_noise_comes_again_in_another_order():
    """By groups of 3 in periods of 6; any frame is known from its number alone."""
    how = {"shape": (2,), "period": 6, "group": 3}
    again = jax.jit(lambda n: rescheduled_noise(KEYS, n, **how))
    first = np.asarray(jax.jit(lambda n: frame_noise(KEYS, n, (2,)))(jnp.arange(6)))
    x = np.asarray(again(jnp.arange(42)))
    assert np.abs(x[:, :6] - first).max() == EXACT
    orders = set()
    for start in range(6, 42, 3):
        home = first[:, start % 6 : start % 6 + 3]
        found = x[:, start : start + 3]
        place = (found[:, :, None] == home[:, None]).all(-1)
        assert (place.sum(1) == 1).all() and (place.sum(2) == 1).all()
        orders |= {tuple(row.argmax(1)) for row in place}
    assert len(orders) > 3
    assert np.abs(np.asarray(again(jnp.array([40] * 42)))[:, 0] - x[:, 40]).max() == EXACT
