"""Steps that do with less than the whole: each is the step that its slow twin makes by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.systems.test_making import PROMPTS, TAKE, latents, refused
from tests.tiny import SMALLEST, tiny_model, tiny_network
from tests.tolerances import FP64, MODEL
from vinf_jax.diffusion.denoiser import denoiser, guided
from vinf_jax.nn.context import Context, surround
from vinf_jax.parallel.noise import frame_noise
from vinf_jax.parallel.timeline import Whole
from vinf_jax.systems.video_infinity.kinds import Kind, kinds, resumable, share_troubles

STEPS = 4
PART = (0.25, 0.75)


@pytest.fixture(scope="module")
def model():
    scope = {"preset": "video_infinity", "local": 1, "spread": 4}
    sampler = {"steps": STEPS, "sampler": "sde-dpmsolver++", "known_time": 400}
    return tiny_model(unet=SMALLEST, scope=scope, **sampler)


def after(making, steps, state=None, step=0):
    """The saved state after so many steps of a retake."""
    saved = {}
    making.wave(0, latents, state=state, step=step, on_state=saved.__setitem__)
    return saved[steps]


def test_guidance_leads_between_its_shares():
    assert [kind.halves for kind in kinds(4, 2, (0.25, 0.75), 1)] == [1, 2, 2, 1]
    assert [kind.halves for kind in kinds(30, 2, (0, 0.1), 1)] == [2] * 3 + [1] * 27
    assert {kind.halves for kind in kinds(30, 2, (0, 1), 1)} == {2}
    assert {kind.halves for kind in kinds(30, 1, (0, 1), 1)} == {1}


def test_deep_levels_are_computed_every_so_many_steps_and_where_guidance_changes():
    assert [kind.deep for kind in kinds(5, 2, (0, 1), 2)] == [True, False, True, False, True]
    assert [kind.deep for kind in kinds(6, 2, (0.5, 1), 2)] == [True, False, True] * 2
    assert {kind for kind in kinds(5, 2, (0, 1), 1)} == {Kind(2)}


def test_states_are_saved_where_nothing_else_is_to_be_remembered():
    assert resumable(kinds(12, 2, (0, 1), 1), 5) == {5, 10}
    assert resumable(kinds(12, 2, (0, 1), 3), 5) == {6}
    assert resumable(kinds(12, 2, (0, 1), 3), 1) == {3, 6, 9}
    assert resumable(kinds(4, 2, (0, 1), 9), 1) == set()


@pytest.mark.parametrize("wrong", [(0.8, 0.2), (0.5, 0.5), (-0.1, 1), (0, 1.1), "01", 0.5, (0,)])
def test_shares_that_are_none(wrong):
    (said,) = share_troubles(wrong)
    assert repr(wrong) in said and "rising" in said


def test_settings_of_a_model_are_checked_too():
    with pytest.raises(ValueError, match=r"guidance_steps: \(0\.8, 0\.2\)"):
        tiny_model(guidance_steps=(0.8, 0.2))
    assert tiny_model(guidance_steps=[0, 0.5]).settings.guidance_steps == (0, 0.5)


def test_steps_are_those_with_guidance_and_those_without(model):
    """The twin: whole runs with guidance and without, which hand each other their states."""
    made = model.begin(PROMPTS, **TAKE, guidance_steps=PART).wave(0, latents)
    with_, without = (model.begin(PROMPTS, **TAKE, guidance=scale) for scale in (2.0, 1.0))
    state = after(without, 1)
    state = after(with_, 3, state, 1)
    by_hand = without.wave(0, refused, state=state, step=3)
    np.testing.assert_array_equal(made, by_hand)
    for whole in (with_, without):
        assert np.abs(whole.wave(0, latents) - made).max() > 10 * MODEL


@pytest.mark.parametrize("levels", [SMALLEST, {}], ids=["one level", "two levels"])
def test_reused_features_are_those_of_the_last_whole_step(levels):
    """The twin: the sampler's steps one by one, and the network asked for its levels by hand."""
    model = tiny_model(unet=levels, sampler="ddim", steps=5)
    making = model.begin(PROMPTS, frames=6, reuse=3)
    numbers, text = jnp.arange(6), jnp.asarray(making.stepping.text(np.arange(6)))[:, 0]

    @jax.jit
    def asked(x, time, deep=None):
        times, batch = jnp.full(2, time), jnp.concatenate([x, x])
        context = surround(Whole(), making.request.scope, numbers, times, gapless=True)
        return model.unet.parted(batch, times, text, 8.0, context, deep)

    sampler, deep = making.sampler, None
    state = sampler.init(frame_noise(jax.random.key(0)[None], numbers, (4, 4, 4), jnp.float32))
    for i, time in enumerate(sampler.times):
        out, deep = asked(state["x"], time, None if i in (0, 3) else deep)
        answer = denoiser(lambda x, time, out=out: out[:, None], model.schedule, "v")
        state = sampler.step(state, guided(answer, 2.0), i)
    made = making.wave(0, refused)
    assert np.abs(made - np.asarray(state["x"])[0]).max() < MODEL
    whole = model.begin(PROMPTS, frames=6).wave(0, refused)
    assert np.abs(made - whole).max() > 10 * MODEL


def test_features_of_the_same_input_give_the_whole_answer(x64):
    """What the first level computes itself is enough, and other features give another answer."""
    unet = tiny_network("unet", dtype=jnp.float64)
    rng = np.random.default_rng(3)
    x, text = rng.standard_normal((2, 5, 4, 4, 4)), rng.standard_normal((2, 3, 16))
    given = (jnp.asarray(x), jnp.full(2, 700.0), jnp.asarray(text), 8.0, Context())
    whole, deep = unet.parted(*given)
    np.testing.assert_array_equal(whole, unet(*given))
    np.testing.assert_allclose(unet.parted(*given, deep)[0], whole, atol=FP64)
    assert deep.shape == (2, 5, 4, 4, 16)
    assert np.abs(unet.parted(*given, deep + 0.1)[0] - whole).max() > 1e-3


@pytest.mark.parametrize("off", [{"guidance_steps": (0, 1)}, {"reuse": 1}])
def test_what_is_off_leaves_the_program_as_it_is(model, off):
    plain = model.generate(PROMPTS, frames=10)
    kept = set(model._compiled._kept)
    np.testing.assert_array_equal(model.generate(PROMPTS, frames=10, **off), plain)
    assert set(model._compiled._kept) == kept


@pytest.mark.parametrize(
    ("wish", "steps"),
    [
        ({"guidance_steps": PART}, [1, 2, 3]),
        ({"reuse": 2}, [2]),
        ({"reuse": 2, "guidance_steps": (0.25, 1)}, [1, 3]),
    ],
    ids=["guidance", "reuse", "both"],
)
def test_any_mesh_and_any_resume_make_the_same(model, wish, steps):
    making, saved = model.begin(PROMPTS, **TAKE, **wish), {}
    made = making.wave(0, latents, on_state=saved.__setitem__)
    assert list(saved) == steps
    for step, state in saved.items():
        assert set(state) == {"x", "x0"}
        np.testing.assert_array_equal(making.wave(0, refused, state=state, step=step), made)
    other = model.begin(PROMPTS, **TAKE, **wish, clips=3)
    assert np.abs(other.wave(0, latents) - made).max() < MODEL


def test_deep_features_are_kept_by_both_groups_of_guidance(model):
    one, two = (
        model.begin(PROMPTS, frames=10, reuse=2, guidance_groups=n, clips=2).wave(0, refused)
        for n in (1, 2)
    )
    assert np.abs(one - two).max() < MODEL


def test_a_step_that_reuses_is_no_beginning(model):
    making = model.begin(PROMPTS, **TAKE, reuse=2)
    with pytest.raises(ValueError, match="step: 1 reuses what"):
        making.wave(0, latents, state={}, step=1)
