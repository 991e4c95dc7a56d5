"""Temporal convolution: any clips, any gaps in the frame numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.nn.filled import filled
from tests.parallel.clips import on_devices, quickly, simulated
from tests.tolerances import EXACT, FP64
from vinf_jax.nn.context import Context, surround
from vinf_jax.nn.scope import Full
from vinf_jax.nn.temporal import EPSILON, TemporalConv
from vinf_jax.parallel.timeline import Whole

CHANNELS, GROUPS = 4, 2


def layer():
    return filled(lambda rngs: TemporalConv(CHANNELS, groups=GROUPS, rngs=rngs))


def video(frames):
    return np.random.default_rng(frames).standard_normal((2, frames, 2, 3, CHANNELS))


def numbers_of(frames, gaps):
    steps = np.random.default_rng(frames).choice([1, 1, 2, 9] if gaps else [1], frames)
    return np.cumsum(steps)


def twin(module, x, numbers):
    """Frame by frame: a neighbour counts if its number does."""
    out = x
    for stage in (module.conv1, module.conv2, module.conv3, module.conv4):
        group = out.reshape(*out.shape[:-1], GROUPS, -1)
        mean = group.mean((1, 2, 3, 5), keepdims=True)
        deviation = np.sqrt(group.var((1, 2, 3, 5), keepdims=True) + EPSILON)
        normed = ((group - mean) / deviation).reshape(out.shape)
        normed = normed * np.asarray(stage.norm.scale) + np.asarray(stage.norm.bias)
        active = normed / (1 + np.exp(-normed))
        mixed = np.zeros_like(active) + np.asarray(stage.conv.bias)
        for i, number in enumerate(numbers):
            for j, other in enumerate(numbers):
                if abs(number - other) <= 1:
                    tap = np.asarray(stage.conv.kernel)[other - number + 1]
                    mixed[:, i] += active[:, j] @ tap
        out = mixed
    return x + out


def convolved(module, x, numbers, gapless, run=None, clips=1):
    def one(line, part):
        mine = line.own(jnp.asarray(numbers)[None], part.shape[1])[0]
        context = surround(line, Full(), mine, jnp.zeros(2), gapless=gapless)
        return module(part, context)

    if run is None:
        return np.asarray(quickly(lambda x: one(Whole(), x))(x))
    return np.concatenate(list(run(one, x, clips)), axis=1)[:, : len(numbers)]


@settings(max_examples=5)
@given(frames=st.integers(1, 20), clips=st.integers(1, 8), gaps=st.booleans())
@example(frames=5, clips=4, gaps=False)
@example(frames=5, clips=4, gaps=True)
def test_is_its_twin_on_any_clips(x64, frames, clips, gaps):
    module, x, numbers = layer(), video(frames), numbers_of(frames, gaps)
    expected = twin(module, x, numbers)
    assert np.abs(convolved(module, x, numbers, not gaps) - expected).max() < FP64
    sharded = convolved(module, x, numbers, not gaps, simulated, clips)
    assert np.abs(sharded - expected).max() < FP64


@pytest.mark.parametrize("gaps", [False, True])
def test_on_devices(x64, gaps):
    module, x, numbers = layer(), video(11), numbers_of(11, gaps)
    sharded = convolved(module, x, numbers, not gaps, on_devices, 8)
    assert np.abs(sharded - twin(module, x, numbers)).max() < FP64


def test_looking_for_gaps_where_there_are_none_changes_nothing(x64):
    module, x, numbers = layer(), video(6), numbers_of(6, False)
    difference = convolved(module, x, numbers, True) - convolved(module, x, numbers, False)
    assert np.abs(difference).max() < FP64


def test_untrained_it_changes_nothing():
    module = TemporalConv(CHANNELS, groups=GROUPS, rngs=nnx.Rngs(0))
    x = jnp.asarray(video(4), jnp.float32)
    assert np.abs(module(x, Context()) - x).max() == EXACT


def test_gradients_do_not_meet_the_padding(x64):
    module, x = layer(), video(5)

    def total(line, part):
        numbers = line.own(jnp.arange(5)[None], part.shape[1])[0]
        context = surround(line, Full(), numbers, jnp.zeros(2), gapless=True)
        real = line.real(part.shape[1])[None, :, None, None, None]
        return jax.grad(lambda p: jnp.where(real, module(p, context) ** 2, 0).sum())(part)

    grads = np.concatenate(list(simulated(total, x, 4, poison=1e3)), axis=1)
    assert np.isfinite(grads).all() and np.abs(grads[:, :5]).max() > 0
