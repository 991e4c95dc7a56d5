"""The low-pass filter along time, and that it asks for neighbours alone."""

import jax.numpy as jnp
import numpy as np

from tests.parallel.clips import simulated
from tests.tolerances import FP64
from vinf_jax.nn.blending import low_pass, smooth
from vinf_jax.parallel.timeline import Whole

CUTOFF = 0.25
NUMBERS = np.array([0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13])
PARTS = np.array([0] * 8 + [1] * 3)


def filtered(line, part):
    length = part.shape[1]
    numbers, parts = (line.own(jnp.asarray(x)[None], length)[0] for x in (NUMBERS, PARTS))
    return smooth(line, part, low_pass(line, numbers, parts, CUTOFF))


def test_smoothing_is_a_gaussian_of_frame_numbers_on_any_clips(x64):
    x = np.random.default_rng(0).standard_normal((2, 11, 3))
    apart = NUMBERS[:, None] - NUMBERS
    weights = np.exp(-((apart * np.pi * CUTOFF) ** 2) / 2)
    weights *= (np.abs(apart) <= 4) & (PARTS[:, None] == PARTS)
    expected = (weights / weights.sum(1, keepdims=True)) @ x
    assert np.abs(np.asarray(filtered(Whole(), jnp.asarray(x))) - expected).max() < FP64
    parts = np.concatenate(list(simulated(filtered, x, 4)), axis=1)[:, :11]
    assert np.abs(parts - expected).max() < FP64


def test_it_passes_low_frequencies_as_the_papers_filter_does(x64):
    frames = jnp.arange(200)
    weights = low_pass(Whole(), frames, jnp.zeros_like(frames), CUTOFF)
    for share in (0.0, 0.2, 0.5, 1.0):  # of the highest frequency
        wave = jnp.cos(jnp.pi * share * frames)[None, :, None]
        passed = smooth(Whole(), wave, weights)[0, 20:-20, 0]
        strength = np.abs(passed).max() / np.abs(wave[0, 20:-20, 0]).max()
        assert abs(strength - np.exp(-((share / CUTOFF) ** 2) / 2)) < 0.02
