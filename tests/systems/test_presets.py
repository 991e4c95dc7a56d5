"""Scopes by name, and as settings that JSON holds."""

import json

import pytest

from vinf_jax.nn.reference import Phase, Reference
from vinf_jax.nn.scope import DualScope, Full
from vinf_jax.systems.video_infinity import (
    base,
    reference,
    scope_of,
    settings_of,
    video_infinity,
)


def test_defaults_are_the_papers():
    assert base() == Full()
    assert video_infinity() == DualScope(local=8, spread=16, switch=800, strength=10, softness=0)
    released = reference(8)
    assert (released.ranks, released.padding, released.top_k) == (8, 8, 16)


@pytest.mark.parametrize(
    "scope",
    [base(), video_infinity(local=3, softness=50.0), reference(2, local_phase=Phase(700, 9, 1))],
)
def test_settings_go_through_json(scope):
    assert scope_of(json.loads(json.dumps(settings_of(scope)))) == scope
    assert scope_of(scope) is scope


def test_a_name_alone_is_a_preset():
    assert scope_of("video_infinity") == video_infinity()
    assert isinstance(scope_of({"preset": "reference", "ranks": 3}), Reference)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("dual", ["'dual'", "base, video_infinity, reference"]),
        ({"preset": "video_infinity", "locl": 3}, ["'locl'", "did you mean local"]),
        ({"preset": "reference"}, ["needs the field ranks"]),
        ({"preset": "video_infinity", "local": -1}, ["local: -1"]),
    ],
)
def test_refusals(settings, words):
    with pytest.raises(ValueError) as refusal:
        scope_of(settings)
    assert all(word in str(refusal.value) for word in words), refusal.value
