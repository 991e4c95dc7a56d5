"""Scopes by name, and as settings that JSON holds."""

import json

import pytest

from vinf_jax.nn.dual import DualScope
from vinf_jax.nn.freenoise import FreeNoise
from vinf_jax.nn.independent import Independent
from vinf_jax.nn.reference import Phase, Reference
from vinf_jax.nn.scope import Full
from vinf_jax.systems.video_infinity import (
    ABLATIONS,
    base,
    reference,
    scope_of,
    settings_of,
    video_infinity,
)
from vinf_jax.systems.video_infinity.asked import differences
from vinf_jax.systems.video_infinity.presets import completed


def test_defaults_are_the_papers():
    assert base() == Full()
    assert video_infinity() == DualScope(local=8, spread=16, switch=800, strength=10, softness=0)
    released = reference(8)
    assert (released.ranks, released.padding, released.top_k) == (8, 8, 16)


@pytest.mark.parametrize(
    "scope",
    [
        base(),
        video_infinity(local=3, softness=50.0, cuts=(4, 9)),
        reference(2, local_phase=Phase(700, 9, 1)),
        Independent(8),
        FreeNoise(12, 3),
    ],
)
def test_settings_go_through_json(scope):
    assert scope_of(json.loads(json.dumps(settings_of(scope)))) == scope
    assert scope_of(scope) is scope


def test_a_name_alone_is_a_preset():
    assert scope_of("video_infinity") == video_infinity()
    assert isinstance(scope_of({"preset": "reference", "ranks": 3}), Reference)


def test_names_of_methods():
    assert scope_of("stretched") == Full()
    assert settings_of(Full())["preset"] == "base"
    assert scope_of("independent", 8) == Independent(8) and scope_of("freenoise") == FreeNoise()
    assert scope_of({"preset": "freenoise", "window": 16}, 8) == FreeNoise(window=16)


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_is_the_method_with_one_thing_changed(name):
    scope = scope_of({"preset": name, "across": -3.0})
    fields = ABLATIONS[name] | {"across": -3.0}
    assert scope == video_infinity(**fields) != video_infinity(across=-3.0)


def test_settings_of_an_older_version_mean_what_they_meant():
    """A job that was begun before scopes or settings had a field goes on."""
    older = {"preset": "video_infinity", "local": 3}
    assert completed(older) == settings_of(video_infinity(local=3))
    unknown = {"preset": "video_infinity", "of_tomorrow": 3}
    assert completed(unknown) == unknown
    asked = {"seed": 1, "settings": {"steps": 3, "scope": older}}
    now = {"steps": 3, "scope": settings_of(video_infinity(local=3)), "known_time": 1000}
    now |= {"guidance_steps": (0.0, 1.0), "reuse": 1, "exchange": "exact"}
    assert differences(asked, {"seed": 1, "settings": now}) == []
    (line,) = differences(asked, {"seed": 1, "settings": now | {"known_time": 50}})
    assert line == "settings.known_time: 1000 in the job, 50 asked for"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("dual", ["'dual'", "base, stretched, independent", "local_only"]),
        ({"preset": "video_infinity", "locl": 3}, ["'locl'", "did you mean local"]),
        ({"preset": "reference"}, ["needs the field ranks"]),
        ({"preset": "video_infinity", "local": -1}, ["local: -1"]),
        ({"local": 2.5, "norm_clip": "8"}, ["local: 2.5", "norm_clip: '8'", "a whole number"]),
        ({"strength": float("nan"), "conv_across": 1}, ["strength: nan", "conv_across: 1, but"]),
        ({"preset": "independent", "length": 2.5}, ["length: 2.5, but it must be a whole number"]),
        ({"preset": "freenoise", "window": True}, ["window: True"]),
        ({"preset": "base", "trained": 2.5}, ["trained: 2.5"]),
        ({"preset": "reference", "ranks": 2, "local_phase": {"x": 1}}, ["no phase", "local_bias"]),
    ],
)
def test_refusals(settings, words):
    with pytest.raises(ValueError) as refusal:
        scope_of(settings)
    assert all(word in str(refusal.value) for word in words), refusal.value


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"preset": ["a"]}, "no preset is called ['a']"),
        ({"cuts": 5}, "scope cuts: 5; give a list of frame numbers"),
        ({"cuts": None}, "scope cuts: None; give a list"),
        ({"cuts": [1.5]}, "scope cuts: [1.5]; give a list"),
        ({"preset": "reference", "ranks": 2, "local_phase": 5}, "scope local_phase: 5; give None"),
    ],
)
def test_fields_of_several_values_are_named(settings, said):
    with pytest.raises(ValueError) as caught:
        scope_of(settings)
    assert said in str(caught.value)
