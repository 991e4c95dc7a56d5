import numpy as np
import pytest

from vinf_jax.models.tokenizer import WordTokenizer

WORDS = ("a", "red", "green", "circle", "moves")


def test_words_become_ids():
    tokens = WordTokenizer(WORDS, 7).encode(["A red circle, moves.", "", "green"])
    assert tokens.dtype == np.int32
    np.testing.assert_array_equal(
        tokens, [[1, 3, 4, 6, 7, 2, 0], [1, 2, 0, 0, 0, 0, 0], [1, 5, 2, 0, 0, 0, 0]]
    )
    assert WordTokenizer(WORDS, 7).vocabulary == 8 > tokens.max()


def test_a_text_may_fill_the_length_and_no_more():
    tokenizer = WordTokenizer(WORDS, 5)
    assert tokenizer.encode(["a red circle"]).tolist() == [[1, 3, 4, 6, 2]]
    with pytest.raises(ValueError, match="'a red circle moves' has 4 words; at most 3 fit"):
        tokenizer.encode(["a", "a red circle moves"])


def test_all_troubles_in_one_message():
    with pytest.raises(ValueError) as caught:
        WordTokenizer(WORDS, 5).encode(["a rad circle", "xyzzy", "a rad circle moves"])
    message = str(caught.value)
    assert message.count("'rad'") == 1 and "'rad' is not known (near: red)" in message
    assert "'xyzzy' is not known;" in message
    assert "known words are a, red, green, circle, moves" in message
    assert "'a rad circle moves' has 4 words" in message


def test_many_known_words_are_named_in_short():
    words = [f"w{n}" for n in range(500)]
    with pytest.raises(ValueError, match=r"w79, \.\.\.$"):
        WordTokenizer(words, 5).encode(["zzz"])


def test_a_text_is_not_a_list_of_texts():
    with pytest.raises(ValueError, match="'a red' must be in a list"):
        WordTokenizer(WORDS, 5).encode("a red")


def test_vocabularies_that_cannot_be():
    with pytest.raises(ValueError, match=r"'Red'.*'two words'.*''.*'a' stands twice.*length is 1"):
        WordTokenizer(["Red", "two words", "", "a", "a"], 1)
