"""The reference scope against twins that go rank by rank as the public code does, on any mesh.

And what it refuses.
"""

from dataclasses import replace
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.nn.filled import filled
from tests.nn.scoped import ran
from tests.parallel.clips import on_devices, simulated
from tests.tolerances import FP64
from vinf_jax.nn.attention import Attention
from vinf_jax.nn.context import surround
from vinf_jax.nn.norm import GroupNorm
from vinf_jax.nn.reference import Phase, Reference
from vinf_jax.nn.temporal import EPSILON, TemporalConv
from vinf_jax.parallel.timeline import Whole

FEATURES, HEADS, GROUPS = 6, 2, 3


def by_rank(x, ranks):
    """(N, F, ...) -> one (N, F / ranks, ...) per rank."""
    return np.split(x, ranks, axis=1)


def with_halo(parts, rank, pad):
    """A rank's frames with `pad` of each neighbour's, zeros where there is none."""
    none = np.zeros_like(parts[rank][:, :pad])
    before = parts[rank - 1][:, -pad:] if rank else none
    after = parts[rank + 1][:, :pad] if rank + 1 < len(parts) else none
    return np.concatenate([before, parts[rank], after], axis=1)


def attention_twin(scope, x, time, module):
    q, k, v = (
        by_rank(x @ np.asarray(layer.kernel), scope.ranks)
        for layer in (module.to_q, module.to_k, module.to_v)
    )
    own, pad = q[0].shape[1], scope.padding
    offered = []
    for rank in range(scope.ranks):
        share = scope.top_k // scope.ranks
        stride = max(own // share, 1) if share else own
        offered += [(rank, i) for i in range(0, own, stride)]
    chosen = offered[: scope.top_k]
    near_bias = far_bias = 0
    if scope.dynamic_scale and time < scope.local_phase.t:
        near_bias += scope.local_phase.local_bias
        far_bias += scope.local_phase.global_bias
    if scope.dynamic_scale and time >= scope.global_phase.t:
        near_bias += scope.global_phase.local_bias
        far_bias += scope.global_phase.global_bias
    scale = scope.attn_scale / np.sqrt(FEATURES // HEADS)
    if scope.token_num_scale:
        scale *= np.log(2 * pad + 1 + len(chosen)) / np.log(16)
    out = []
    for rank in range(scope.ranks):
        keys, values = with_halo(k, rank, pad), with_halo(v, rank, pad)
        for i in range(own):
            sees = [(keys[:, j], values[:, j], near_bias) for j in range(i, i + 2 * pad + 1)]
            sees += [(k[r][:, j], v[r][:, j], far_bias) for r, j in chosen]
            out.append(one_query(q[rank][:, i], sees, scale))
    return np.stack(out, axis=1) @ np.asarray(module.to_out.kernel) + np.asarray(module.to_out.bias)


def one_query(query, sees, scale):
    """query (N, heads x d); sees: (key, value, bias) each."""
    cut = [slice(n, n + FEATURES // HEADS) for n in range(0, FEATURES, FEATURES // HEADS)]
    heads = []
    for h in cut:
        logits = np.stack([(query[:, h] * key[:, h]).sum(-1) * scale + b for key, _, b in sees])
        weights = np.exp(logits - logits.max(0))
        heads.append(sum(w[:, None] * s[1][:, h] for w, s in zip(weights, sees, strict=True)))
        heads[-1] /= weights.sum(0)[:, None]
    return np.concatenate(heads, axis=-1)


PHASES = st.builds(
    Phase,
    t=st.sampled_from([200, 500, 800]),
    local_bias=st.floats(-3, 10),
    global_bias=st.floats(-3, 10),
)


@st.composite
def scopes(draw):
    """(scope, frames): every combination that the public code can serve. The scope is still to be
    made: shape checks use random numbers, which a strategy must not."""
    ranks, own = draw(st.sampled_from([1, 2, 3, 4, 8])), draw(st.integers(1, 10))
    scope = partial(
        Reference,
        ranks,
        padding=draw(st.integers(1, own)),
        top_k=draw(st.integers(0, 20)),
        attn_scale=draw(st.sampled_from([1.0, 0.7, 1.3])),
        token_num_scale=draw(st.booleans()),
        dynamic_scale=draw(st.booleans()),
        local_phase=draw(PHASES),
        global_phase=draw(PHASES),
        conv_padding=draw(st.integers(1, own)),
        synchronised=draw(st.sampled_from(["none", "norm", "norm_and_conv"])),
    )
    return scope, ranks * own


@settings(max_examples=7)
@given(
    case=scopes(),
    time=st.sampled_from([199, 200, 799, 800, 801]),
    clips=st.sampled_from([1, 2, 4, 5]),
)
@example(case=(partial(Reference, 3), 24), time=801, clips=4)
@example(case=(partial(Reference, 8, padding=1, top_k=3, conv_padding=1), 8), time=0, clips=3)
def test_attention_is_its_twin_on_any_clips(x64, case, time, clips):
    scope, frames = case[0](), case[1]
    module = filled(lambda rngs: Attention(FEATURES, HEADS, FEATURES // HEADS, rngs=rngs))
    x = np.random.default_rng(frames).standard_normal((3, frames, FEATURES))
    expected = attention_twin(scope, x, time, module)
    # The public code takes the logarithms of token_num_scale in float32; the twin does not.
    tolerance = 1e-6 if scope.token_num_scale else FP64

    def call(part, context):
        return scope.attend(module, part, context)

    assert np.abs(ran(scope, x, time, call) - expected).max() < tolerance
    assert np.abs(ran(scope, x, time, call, simulated, clips) - expected).max() < tolerance


def norm_twin(x, module, axes):
    """x (ranks, B, F, H, W, C), statistics over `axes` and the channels of a group."""
    group = x.reshape(*x.shape[:-1], GROUPS, -1)
    mean, variance = group.mean((*axes, -1), keepdims=True), group.var((*axes, -1), keepdims=True)
    out = ((group - mean) / np.sqrt(variance + module.epsilon)).reshape(x.shape)
    return out * np.asarray(module.scale) + np.asarray(module.bias)


def convolution_twin(scope, x, module):
    halo = scope.synchronised == "norm_and_conv"
    parts = by_rank(x, scope.ranks)
    if not halo:
        pad = scope.conv_padding
        parts = [with_halo(parts, rank, pad) for rank in range(scope.ranks)]
    axes = (2, 3, 4) if scope.synchronised == "none" else (0, 2, 3, 4)
    for stage in (module.conv1, module.conv2, module.conv3, module.conv4):
        active = norm_twin(np.stack(parts), stage.norm, axes)
        active = list(active / (1 + np.exp(-active)))
        alone = [np.pad(p, [(0, 0), (1, 1), (0, 0), (0, 0), (0, 0)]) for p in active]
        wide = [with_halo(active, r, 1) for r in range(scope.ranks)] if halo else alone
        taps = np.asarray(stage.conv.kernel)
        parts = [
            sum(w[:, i : w.shape[1] - 2 + i] @ taps[i] for i in range(3))
            + np.asarray(stage.conv.bias)
            for w in wide
        ]
    if not halo:
        parts = [p[:, pad:-pad] for p in parts]
    return x + np.concatenate(parts, axis=1)


@settings(max_examples=4)
@given(case=scopes(), clips=st.sampled_from([1, 2, 4, 5]))
@example(case=(partial(Reference, 2, padding=1, conv_padding=2), 6), clips=4)
@example(case=(partial(Reference, 2, padding=1, conv_padding=2, synchronised="norm"), 6), clips=4)
@example(case=(partial(Reference, 3, padding=1, synchronised="norm_and_conv"), 6), clips=4)
def test_temporal_layers_are_their_twins_on_any_clips(x64, case, clips):
    scope, frames = case[0](), case[1]
    module = filled(lambda rngs: TemporalConv(FEATURES, groups=GROUPS, rngs=rngs))
    norm = filled(lambda rngs: GroupNorm(FEATURES, GROUPS, EPSILON, rngs=rngs))
    x = np.random.default_rng(frames).standard_normal((2, frames, 2, 1, FEATURES)) + 0.5
    axes = (2, 3, 4) if scope.synchronised == "none" else (0, 2, 3, 4)
    normed = np.concatenate(list(norm_twin(np.stack(by_rank(x, scope.ranks)), norm, axes)), axis=1)
    expected = np.concatenate([convolution_twin(scope, x, module), normed], axis=1)

    def call(part, context):
        return jnp.stack([module(part, context), scope.normalise(norm, part, context)], axis=-1)

    for out in (ran(scope, x, 0, call), ran(scope, x, 0, call, simulated, clips)):
        out = np.concatenate([out[..., 0], out[..., 1]], axis=1)
        assert np.abs(out - expected).max() < FP64


@pytest.mark.parametrize("mode", ["none", "norm", "norm_and_conv"])
def test_on_devices(x64, mode):
    scope = Reference(2, padding=3, conv_padding=2, synchronised=mode)
    module = filled(lambda rngs: TemporalConv(FEATURES, groups=GROUPS, rngs=rngs))
    attention = filled(lambda rngs: Attention(FEATURES, HEADS, FEATURES // HEADS, rngs=rngs))
    x = np.random.default_rng(0).standard_normal((1, 10, 1, 1, FEATURES))

    def call(part, context):
        out = module(part, context)
        return scope.attend(attention, out[:, :, 0, 0], context)

    expected = attention_twin(scope, convolution_twin(scope, x, module)[:, :, 0, 0], 500, attention)
    assert np.abs(ran(scope, x, 500, call, on_devices, 4) - expected).max() < FP64


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"ranks": 0}, "ranks: 0"),
        ({"ranks": 1.5}, "ranks: 1.5"),
        ({"padding": 0}, "padding: 0"),
        ({"padding": -2}, "padding: -2"),
        ({"top_k": -1}, "top_k: -1"),
        ({"conv_padding": 0}, "conv_padding: 0"),
        ({"attn_scale": float("nan")}, "attn_scale: nan"),
        ({"local_phase": None}, "dynamic_scale: True needs both phases, but local_phase is None"),
        ({"local_phase": None, "global_phase": None}, "local_phase and global_phase"),
        ({"synchronised": "convolutions"}, "synchronised: 'convolutions'.*'norm_and_conv'"),
        ({"padding": 0, "top_k": -1}, "padding: 0.*top_k: -1"),
    ],
)
def test_settings_that_the_public_code_cannot_serve_are_refused(fields, message):
    scope = Reference(2)
    for name, value in fields.items():  # past the annotations, which only tests enforce
        object.__setattr__(scope, name, value)
    with pytest.raises(ValueError, match=message):
        scope.__post_init__()


def test_phases_may_be_missing_where_they_play_no_part():
    scope = Reference(2, dynamic_scale=False, local_phase=None, global_phase=None)
    assert (scope.biases(jnp.zeros(3)) == 0).all()


@pytest.mark.parametrize(
    "fields, frames, message",
    [
        ({}, 15, "2 do not divide 15 frames; use 14 or 16 frames"),
        ({}, 1, "2 do not divide 1 frames; use 2 frames"),
        ({"padding": 5}, 8, "padding: 5, but each of 2 ranks has 4 frames; use at most 4"),
        ({"padding": 1}, 6, "conv_padding: 4, but each of 2 ranks has 3 frames"),
        ({"padding": 1, "synchronised": "norm"}, 6, "conv_padding: 4"),
        ({}, 4, "padding: 8.*conv_padding: 4"),
    ],
)
def test_frame_counts_that_the_public_code_cannot_serve_are_refused(fields, frames, message):
    scope = Reference(2, **fields)
    with pytest.raises(ValueError, match=message):
        surround(Whole(), scope, jnp.arange(frames), jnp.zeros(1), gapless=True)


def test_a_halo_per_convolution_asks_for_no_padding_of_the_layer():
    scope = Reference(2, padding=1, synchronised="norm_and_conv")
    assert scope.troubles(2) == []
    assert replace(scope, synchronised="none").troubles(2) != []
