"""Scopes against a slow twin that walks over frames by number."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.nn.filled import filled
from tests.parallel.clips import on_devices, quickly, simulated
from tests.tolerances import EXACT, FP64
from vinf_jax.nn.attention import Attention
from vinf_jax.nn.blending import low_pass, smooth
from vinf_jax.nn.context import surround
from vinf_jax.nn.dual import DualScope
from vinf_jax.nn.scope import Full
from vinf_jax.parallel.timeline import Whole, spread

HEADS, FEATURES, VIDEOS, PIXELS = 2, 6, 2, 2
TIMES = np.array([803.0, 120.0])


def attention():
    return filled(lambda rngs: Attention(FEATURES, HEADS, 3, rngs=rngs))


def tokens(frames):
    return np.random.default_rng(frames).standard_normal((VIDEOS * PIXELS, frames, FEATURES))


def numbers_of(frames, gaps):
    """Rising frame numbers; with gaps, about every other one is missing here and there."""
    steps = np.random.default_rng(frames).choice([1, 1, 1, 2, 5, 30] if gaps else [1], frames)
    return np.cumsum(steps)


def attended(scope, numbers, module, run=None, clips=1, afar=None):
    """What the scope makes of `tokens`, on one device or on clips: (N, F, C)."""
    x = tokens(len(numbers))

    def one(line, part):
        mine = line.own(jnp.asarray(numbers)[None], part.shape[1])[0]
        far = None if afar is None else jnp.asarray(afar)
        context = surround(line, scope, mine, jnp.asarray(TIMES), gapless=False, afar=far)
        return scope.attend(module, part, context)

    if run is None:
        return np.asarray(quickly(lambda x: one(Whole(), x))(x))
    return np.concatenate(list(run(one, x, clips)), axis=1)[:, : len(numbers)]


def twin(scope, numbers, module, afar=None):
    """The same, one frame, head and pixel after the other."""
    x = tokens(len(numbers))
    q, k, v = (
        (x @ np.asarray(part.kernel)).reshape(*x.shape[:2], HEADS, -1)
        for part in (module.to_q, module.to_k, module.to_v)
    )
    far = spread(len(numbers), scope.spread) if afar is None else afar
    scenes = np.searchsorted(scope.cuts, numbers, side="right")
    out = np.zeros_like(q)
    for n in range(len(x)):
        near_bias, far_bias = np.asarray(scope.biases(jnp.asarray(TIMES)))[:, n // PIXELS]
        for i, number in enumerate(numbers):
            near = [j for j, other in enumerate(numbers) if abs(other - number) <= scope.local]
            near = [j for j in near if scenes[j] == scenes[i]]
            apart = scope.across * (scenes != scenes[i])
            keys = [(j, near_bias) for j in near] + [(j, far_bias + apart[j]) for j in far]
            scale = np.log(len(keys)) / np.log(scope.trained) if scope.trained else 1
            for h in range(HEADS):
                dots = [scale * q[n, i, h] @ k[n, j, h] / np.sqrt(3) + b for j, b in keys]
                logits = np.array(dots)
                weights = np.exp(logits - logits.max())
                values = np.array([v[n, j, h] for j, _ in keys])
                out[n, i, h] = weights @ values / weights.sum()
    merged = out.reshape(*x.shape[:2], -1)
    return merged @ np.asarray(module.to_out.kernel) + np.asarray(module.to_out.bias)


FIELDS = st.fixed_dictionaries(
    {
        "local": st.integers(0, 20),
        "spread": st.integers(0, 20),
        "strength": st.sampled_from([0.0, 2.0, 10.0, -1.5]),
        "softness": st.sampled_from([0.0, 10.0, 700.0]),
    }
)


@settings(max_examples=7)
@given(fields=FIELDS, frames=st.integers(1, 40), clips=st.integers(1, 8), gaps=st.booleans())
@example(fields={}, frames=40, clips=3, gaps=False)
@example(fields={"local": 2, "spread": 3}, frames=5, clips=4, gaps=True)
@example(fields={"local": 0, "spread": 0}, frames=11, clips=2, gaps=False)
@example(fields={"local": 20, "spread": 0, "strength": 3}, frames=9, clips=5, gaps=True)
@example(fields={"local": 2, "spread": 3}, frames=40, clips=3, gaps=False)
@example(fields={"local": 2, "spread": 3}, frames=61, clips=2, gaps=True)
def test_dual_scope_is_its_twin_on_any_clips(x64, fields, frames, clips, gaps):
    scope, module, numbers = DualScope(**fields), attention(), numbers_of(frames, gaps)
    expected = twin(scope, numbers, module)
    assert np.abs(attended(scope, numbers, module) - expected).max() < FP64
    assert np.abs(attended(scope, numbers, module, simulated, clips) - expected).max() < FP64


@pytest.mark.parametrize("clips, frames", [(8, 19), (4, 5)])
def test_scopes_on_devices(x64, clips, frames):
    module, numbers = attention(), numbers_of(frames, True)
    for scope in (DualScope(local=3, spread=4, softness=50), Full()):
        whole = attended(scope, numbers, module)
        assert np.abs(attended(scope, numbers, module, on_devices, clips) - whole).max() < FP64


@pytest.mark.parametrize("afar", [[0, 1, 2, 12], []])
def test_a_call_may_name_the_frames_that_all_see(x64, afar):
    module, numbers, scope = attention(), numbers_of(13, True), DualScope(local=3, spread=4)
    expected = twin(scope, numbers, module, afar)
    for where in ((), (simulated, 4)):
        out = attended(scope, numbers, module, *where, afar=afar)
        assert np.abs(out - expected).max() < FP64


@pytest.mark.parametrize(
    ("scope", "afar"),
    [
        (DualScope(local=3, spread=4, cuts=(4, 9), strength=2.0, trained=5), None),
        (DualScope(local=5, spread=4, cuts=(7,), across=-1.5), [0, 3, 8, 10]),
    ],
)
def test_cuts_part_neighbours_and_weaken_what_is_far(x64, scope, afar):
    module, numbers = attention(), numbers_of(13, False)
    expected = twin(scope, numbers, module, afar)
    for where in ((), (simulated, 4)):
        assert np.abs(attended(scope, numbers, module, *where, afar=afar) - expected).max() < FP64
    across = twin(replace(scope, cuts=()), numbers, module, afar)
    assert np.abs(across - expected).max() > 1e-2


def test_spectral_blending_joins_two_attentions(x64):
    """Of global frames below the cut-off, of local ones above it, where time is before the switch;
    later local ones alone. On any clips."""
    module, numbers = attention(), numbers_of(13, True)
    scope = DualScope(local=3, spread=4, strength=0, spectral=0.3)
    local = attended(DualScope(local=3, spread=0, strength=0), numbers, module)
    x = jnp.asarray(tokens(13))
    wide = np.asarray(module(x, x[:, jnp.asarray(spread(13, 4))]))
    line = Whole()
    weights = low_pass(line, jnp.asarray(numbers), jnp.zeros(13, int), 0.3)
    blend = np.asarray(smooth(line, jnp.asarray(wide - local), weights))
    expected = local + np.repeat(scope.switch <= TIMES, PIXELS)[:, None, None] * blend
    for where in ((), (simulated, 4)):
        assert np.abs(attended(scope, numbers, module, *where) - expected).max() < FP64


@given(frames=st.integers(1, 21))
@settings(max_examples=4)
@example(frames=21)
def test_a_short_clip_without_bias_is_the_base_model(x64, frames):
    module, numbers = attention(), numbers_of(frames, False)
    scope = DualScope(local=20, spread=0, strength=0)
    difference = attended(scope, numbers, module) - attended(Full(), numbers, module)
    assert np.abs(difference).max() < FP64


def test_full_without_context_is_full_attention(x64):
    module, numbers = attention(), numbers_of(7, False)
    everyone = twin(DualScope(local=7, spread=0, strength=0), numbers, module)
    assert np.abs(attended(Full(), numbers, module) - everyone).max() < FP64


def test_padding_attends_to_nothing(x64):
    module = attention()
    scope = DualScope(local=2, spread=3)
    x = tokens(5)

    def one(line, part):
        mine = line.own(jnp.arange(5)[None], part.shape[1])[0]
        context = surround(line, scope, mine, jnp.asarray(TIMES), gapless=True)
        return scope.attend(module, part, context)

    out = np.concatenate(list(simulated(one, x, 4, poison=1e3)), axis=1)
    assert np.abs(out[:, 5:] - np.asarray(module.to_out.bias)).max() == EXACT


def test_bias_changes_sides_at_the_switch():
    times = jnp.asarray([0.0, 799.0, 800.0, 999.0])
    np.testing.assert_array_equal(DualScope().biases(times), [[10, 10, 0, 0], [0, 0, 10, 10]])


def test_softness_is_a_ramp_around_the_switch():
    scope = DualScope(switch=500, strength=4, softness=100)
    near, far = scope.biases(jnp.asarray([300.0, 400.0, 450.0, 500.0, 600.0, 900.0]))
    np.testing.assert_allclose(far, [0, 0, 1, 2, 4, 4], atol=1e-6)
    np.testing.assert_allclose(near + far, 4, atol=1e-6)
    hard = replace(scope, softness=0).biases(jnp.asarray([499.0, 500.0]))
    np.testing.assert_array_equal(hard, [[4, 0], [0, 4]])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"cuts": (4, 4), "across": 3.0, "chosen": "odd"}, ["cuts: (4, 4)", "across: 3", "'odd'"]),
        ({"noise": "pink", "period": 6, "share": 2}, ["'pink'", "period: 6", "share: 2"]),
        ({"share": 0.2}, ["share: 0.2, but noise is independent", "'shared'"]),
        ({"noise": "shared", "period": 8}, ["period: 8, but noise is shared", "'rescheduled'"]),
        ({"spectral": 0.2}, ["strength: 10.0 with spectral 0.2"]),
        ({"spectral": 2.0}, ["spectral: 2.0", "0 to 1"]),
        (
            {"spectral": 0.2, "strength": 0, "spread": 0, "trained": 16},
            ["spread: 0 with spectral", "trained: 16 with spectral"],
        ),
        ({"trained": 1}, ["trained: 1"]),
        ({"norm_clip": -1}, ["norm_clip: -1"]),
    ],
)
def test_fields_that_do_not_go_together(fields, words):
    with pytest.raises(ValueError) as refusal:
        DualScope(**fields)
    assert all(word in str(refusal.value) for word in words), refusal.value


def test_all_troubles_are_told_at_once():
    with pytest.raises(ValueError, match=r"local: -1.*spread: -2.*softness: -3"):
        DualScope(local=-1, spread=-2, softness=-3)
