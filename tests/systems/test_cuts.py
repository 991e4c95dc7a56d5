"""Cuts: from a wish, a scope, settings and prompts to first frames of scenes, or a refusal."""

import pytest

from vinf_jax.nn.dual import DualScope
from vinf_jax.nn.scope import Full
from vinf_jax.systems.video_infinity.cuts import cut_troubles, cuts_of

RANGES = [(0, 8), (8, 20), (20, 32)]
PLAIN, OWN = DualScope(), DualScope(cuts=(5,))


@pytest.mark.parametrize(
    ("wish", "scope", "own", "crossfade", "cuts"),
    [
        (None, PLAIN, "none", 0, ()),
        (None, PLAIN, "prompts", 0, (8, 20)),
        (None, PLAIN, "prompts", 4, ()),
        (None, PLAIN, [20, 3, 32], 4, (3, 20)),
        (None, OWN, "prompts", 0, (5,)),
        ("none", OWN, "prompts", 0, ()),
        ("prompts", OWN, "none", 0, (8, 20)),
        ([16, 4, 4], OWN, "prompts", 4, (4, 16)),
    ],
)
def test_the_nearest_word_counts(wish, scope, own, crossfade, cuts):
    assert cuts_of(wish, scope, own, RANGES, crossfade) == cuts


@pytest.mark.parametrize(
    ("wish", "scope", "words"),
    [
        ({"cuts": [0, 40]}, PLAIN, ["cuts: 0, 40", "frame 1 to 31"]),
        ({"cuts": None}, DualScope(cuts=(32,)), ["cuts: 32"]),
        ({"cuts": "scenes"}, PLAIN, ["'scenes'", "prompts, none"]),
        ({"cuts": [1.5]}, None, ["1.5"]),
        ({"cuts": [8]}, Full(), ["Full", "video_infinity"]),
        ({"cuts": "prompts", "crossfade": 4}, PLAIN, ["crossfade is 4"]),
    ],
)
def test_refusals(wish, scope, words):
    said = "; ".join(cut_troubles({"frames": 32, "crossfade": None} | wish, scope))
    assert all(word in said for word in words), said


@pytest.mark.parametrize("wish", [None, "none", "prompts", [31]])
def test_no_troubles(wish):
    assert cut_troubles({"frames": 32, "crossfade": None, "cuts": wish}, PLAIN) == []
    assert cut_troubles({"frames": 32, "crossfade": 4, "cuts": None}, Full()) == []
