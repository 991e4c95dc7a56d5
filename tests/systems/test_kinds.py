"""Steps that do with less than the whole: each is the step that its slow twin makes by hand."""

import numpy as np
import pytest

from tests.systems.test_making import PROMPTS, TAKE, latents, refused
from tests.tiny import SMALLEST, tiny_model
from tests.tolerances import MODEL
from vinf_jax.systems.video_infinity.kinds import kinds, share_troubles

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
    assert [kind.halves for kind in kinds(4, 2, (0.25, 0.75))] == [1, 2, 2, 1]
    assert [kind.halves for kind in kinds(30, 2, (0, 0.1))] == [2] * 3 + [1] * 27
    assert {kind.halves for kind in kinds(30, 2, (0, 1))} == {2}
    assert {kind.halves for kind in kinds(30, 1, (0, 1))} == {1}


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


def test_all_steps_guided_is_the_program_without_the_setting(model):
    plain = model.generate(PROMPTS, frames=10)
    kept = set(model._compiled._kept)
    np.testing.assert_array_equal(model.generate(PROMPTS, frames=10, guidance_steps=(0, 1)), plain)
    assert set(model._compiled._kept) == kept


def test_any_mesh_and_any_resume_make_the_same(model):
    making, saved = model.begin(PROMPTS, **TAKE, guidance_steps=PART), {}
    made = making.wave(0, latents, on_state=saved.__setitem__)
    for step, state in saved.items():
        np.testing.assert_array_equal(making.wave(0, refused, state=state, step=step), made)
    other = model.begin(PROMPTS, **TAKE, guidance_steps=PART, clips=3)
    assert np.abs(other.wave(0, latents) - made).max() < MODEL
