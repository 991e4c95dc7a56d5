"""FreeNoise's windows against a twin that attends in one after the other."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nn.filled import filled
from tests.nn.scoped import ran
from tests.parallel.clips import simulated
from tests.tolerances import FP64
from vinf_jax.nn.attention import Attention
from vinf_jax.nn.freenoise import FreeNoise, fusion

MODULE = filled(lambda rngs: Attention(6, 2, 3, rngs=rngs))


@given(frames=st.integers(1, 70), window=st.integers(1, 20), stride=st.integers(1, 20))
def test_every_frame_is_in_windows_that_count_one_in_all(frames, window, stride):
    window, stride = max(window, stride), min(window, stride)
    starts, shares = fusion(frames, window, stride)
    np.testing.assert_allclose(shares.sum(1), 1, atol=FP64)
    inside = (np.arange(frames)[:, None] >= starts) & (np.arange(frames)[:, None] < starts + window)
    assert inside[shares > 0].all() and starts.min() == 0
    assert starts.max() == max(frames - window, 0)


def test_shares_rise_to_the_middle_of_a_window():
    starts, shares = fusion(24, 16, 4)
    assert sorted(starts[10][shares[10] > 0]) == [0, 4, 8]
    by_start = dict(zip(starts[10], shares[10], strict=True))
    np.testing.assert_allclose([by_start[s] for s in (0, 4, 8)], np.array([6, 7, 3]) / 16)


def twin(x, window, stride):
    """Attention in one window after the other, added up by weight."""
    out, total = np.zeros_like(x), np.zeros(x.shape[1])
    last = max(x.shape[1] - window, 0)
    for start in sorted({*range(0, last, stride), last}):
        part = jnp.asarray(x[:, start : start + window])
        size = part.shape[1]
        weight = np.minimum(np.arange(size) + 1, size - np.arange(size))
        out[:, start : start + size] += weight[:, None] * np.asarray(MODULE(part, part))
        total[start : start + size] += weight
    return out / total[:, None]


@pytest.mark.parametrize(("frames", "window", "clips"), [(19, 6, 4), (5, 8, 3)])
def test_attention_is_its_twin_on_any_clips(x64, frames, window, clips):
    """Windows that the stride does not end with the video, and a video of one window."""
    scope = FreeNoise(window=window, stride=2)
    x = np.random.default_rng(frames).standard_normal((4, frames, 6))
    expected = twin(x, window, 2)
    for where in ((), (simulated, clips)):
        out = ran(scope, x, 500.0, lambda part, c: scope.attend(MODULE, part, c), *where)
        assert np.abs(out - expected).max() < FP64


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"window": 16, "stride": 5}, ["stride: 5", "16", "independent noise"]),
        ({"window": 4, "stride": 9, "noise": "pink"}, ["'pink'", "stride: 9"]),
    ],
)
def test_refusals(fields, words):
    with pytest.raises(ValueError) as refusal:
        FreeNoise(**fields)
    assert all(word in str(refusal.value) for word in words), refusal.value
