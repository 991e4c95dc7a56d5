"""GroupNorm within frames, over videos, over clips."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.nn.filled import filled
from tests.parallel.clips import on_devices, simulated
from tests.tolerances import BLOCK, FP64
from vinf_jax.nn.norm import GroupNorm
from vinf_jax.parallel.timeline import Whole

EPSILON = 1e-5


def norm(dtype=np.float64):
    return filled(lambda rngs: GroupNorm(6, 3, EPSILON, rngs=rngs), dtype=dtype)


def video(frames, seed=0):
    x = np.random.default_rng(seed + frames).standard_normal((2, frames, 3, 4, 6))
    return x * np.arange(1, frames + 1)[:, None, None, None] + 1


def expected(x, module, axes):
    """Group by group over `axes` and the group's channels."""
    x = np.asarray(x, float).reshape(*x.shape[:-1], 3, 2)
    mean, variance = x.mean((*axes, -1), keepdims=True), x.var((*axes, -1), keepdims=True)
    out = ((x - mean) / np.sqrt(variance + EPSILON)).reshape(*x.shape[:-2], 6)
    return out * np.asarray(module.scale) + np.asarray(module.bias)


def test_within_frames_and_over_the_video(x64):
    module, x = norm(), video(5)
    assert np.abs(module(jnp.asarray(x)) - expected(x, module, (2, 3))).max() < FP64
    over = module(jnp.asarray(x), Whole())
    assert np.abs(over - expected(x, module, (1, 2, 3))).max() < FP64


@settings(max_examples=5)
@given(frames=st.integers(1, 20), clips=st.integers(1, 8))
@example(frames=5, clips=4)
def test_sharded_is_whole(x64, frames, clips):
    module, x = norm(), video(frames)
    for poison in (np.nan, 1e30, np.inf):
        out = simulated(lambda line, part: module(part, line), x, clips, poison)
        out = np.concatenate(list(out), axis=1)[:, :frames]
        assert np.abs(out - expected(x, module, (1, 2, 3))).max() < FP64


def test_on_devices(x64):
    module, x = norm(), video(11)
    out = on_devices(lambda line, part: module(part, line), x, 8)
    out = np.concatenate(list(out), axis=1)[:, :11]
    assert np.abs(out - expected(x, module, (1, 2, 3))).max() < FP64


@pytest.mark.parametrize("clips", [1, 4])
def test_a_large_mean_does_not_drown_a_small_variance(clips):
    module = norm(np.float32)
    x = (np.random.default_rng(0).standard_normal((2, 6, 8, 8, 6)) + 300).astype(np.float32)
    for poison in (np.nan, 1e30):
        out = simulated(lambda line, part: module(part, line), x, clips, poison)
        out = np.concatenate(list(out), axis=1)[:, :6]
        assert np.abs(out - expected(x, module, (1, 2, 3))).max() < BLOCK
    assert np.abs(module(jnp.asarray(x)) - expected(x, module, (2, 3))).max() < BLOCK


def test_narrow_input_has_wide_statistics():
    module = norm(np.float32)
    x = (video(3) + 40).astype(jnp.bfloat16)
    out = module(jnp.asarray(x), Whole())
    assert out.dtype == jnp.bfloat16
    wide = expected(np.asarray(x, np.float64), module, (1, 2, 3))
    assert np.abs(np.asarray(out, np.float64) - wide).max() < 2**-8 * np.abs(wide).max()


def test_groups_must_divide_the_channels():
    with pytest.raises(ValueError, match="norm_groups: 4 does not divide 6"):
        GroupNorm(6, 4, EPSILON, rngs=None)
