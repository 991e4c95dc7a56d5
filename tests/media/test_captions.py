"""Captions and facts say the same thing, in every wording, and nonsense is refused by name."""

import dataclasses

import pytest

from vinf_jax.media import sprites
from vinf_jax.media.captions import WORDS, Facts, caption, paraphrase, parse

SOME = sprites.combinations()[::5]  # 5 has no factor in common with the numbers of choices


def test_the_canonical_caption():
    facts = Facts("blue", "square", "gray", "striped", "turns")
    assert caption(facts) == "a blue square turns over a striped gray background"


def test_every_caption_reads_back():
    assert all(parse(caption(facts)) == facts for facts in SOME)


def test_every_paraphrase_reads_back_as_far_as_it_speaks():
    left_out = 0
    for index, facts in enumerate(SOME):
        said = dataclasses.asdict(parse(paraphrase(facts, index)))
        assert all(value in (None, getattr(facts, name)) for name, value in said.items())
        left_out += None in said.values()
    assert 0.1 < left_out / len(SOME) < 0.4


def test_words_are_exactly_those_that_captions_use():
    texts = [paraphrase(facts, (index, 1)) for index, facts in enumerate(SOME)]
    assert set(WORDS) == set(" ".join(texts).split())


@pytest.mark.parametrize(
    "text, facts",
    [
        (
            "A red circle, moving to the left over a plain grey background.",
            Facts("red", "circle", "gray", "plain", "moves left"),
        ),
        ("the cyan cross spins", Facts("cyan", "cross", motion="turns")),
        (
            "on a black background with checks a shape bounces up and down",
            Facts(background="black", pattern="checkered", motion="bounces"),
        ),
        ("a triangle", Facts(shape="triangle")),
    ],
)
def test_free_wordings(text, facts):
    assert parse(text) == facts


@pytest.mark.parametrize(
    "text, trouble",
    [
        ("a red cirlce rests", "cirlce' is not known .near: circle"),
        ("a purple dog", "purple.*dog.*known words"),
        ("a black circle", "'black' is for backgrounds"),
        ("a red circle over a green background", "'green' cannot be said of a background"),
        ("a red blue circle", "2 answers for the colour: blue, red"),
        ("a red circle moves", "where the thing moves"),
        ("a red circle rests left", "'rests' does not go with 'left'"),
        ("a red circle turns", "looks like one that rests"),
        ("the", "names nothing"),
        ("", "names nothing"),
    ],
)
def test_unreadable_captions_say_why(text, trouble):
    with pytest.raises(ValueError, match=trouble):
        parse(text)


def test_facts_name_all_troubles_at_once():
    with pytest.raises(ValueError, match=r"colour is 'pink'.*shape is 'star'"):
        Facts("pink", "star")
