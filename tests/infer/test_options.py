import pytest

from infer.options import add_model, parser, scope_settings

OWN = {"preset": "video_infinity", "local": 3, "spread": 5}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("", None),
        ("--scope.spread 2", OWN | {"spread": 2}),
        ("--scope video_infinity", {"preset": "video_infinity"}),
        ("--scope freenoise --scope.stride 2", {"preset": "freenoise", "stride": 2}),
    ],
)
def test_fields_of_a_scope_are_the_model_s_or_the_named_preset_s(words, wanted):
    to = parser("x", "")
    add_model(to)
    assert scope_settings(to.parse_args(words.split()), OWN) == wanted
