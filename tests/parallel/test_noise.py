"""Noise belongs to the frame."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.parallel.clips import on_devices, simulated
from tests.tolerances import OP
from vinf_jax.parallel.noise import frame_noise

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
