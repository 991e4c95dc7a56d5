"""On a vocabulary made here; compared with OpenCLIP's own tokenizer on its own by hand, once."""

import gzip
import json
import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clip_vocabulary import MERGES, write_openclip
from vinf_jax.models import clip_tokenizer
from vinf_jax.models.clip_tokenizer import ClipTokenizer, byte_signs, cleaned

START, END = 512 + len(MERGES), 513 + len(MERGES)
LENGTH = 12


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_openclip(tmp_path_factory.mktemp("clip") / "bpe.txt.gz")


@pytest.fixture(scope="module")
def tokenizer(path):
    return ClipTokenizer(path, LENGTH)


def whole(token):
    """The id of a merged token."""
    return 512 + ["".join(pair) for pair in MERGES].index(token)


def last(sign):
    """The id of a sign that ends a word."""
    return 256 + byte_signs().index(sign)


def test_ids_by_hand(tokenizer):
    tokens = tokenizer.encode(["The cat", "", "cats"])
    assert tokens.shape == (3, LENGTH) and tokens.dtype == "int32"
    assert tokens[0].tolist() == [START, whole("the</w>"), whole("cat</w>"), END, *[0] * 8]
    assert tokens[1].tolist() == [START, END, *[0] * 10]
    assert tokens[2, 1:4].tolist() == [whole("ca"), byte_signs().index("t"), last("s")]
    assert tokenizer.vocabulary == END + 1


def test_an_exclamation_mark_is_no_padding(tokenizer):
    assert tokenizer.encode(["cat!"])[0, :4].tolist() == [START, whole("cat</w>"), 256, END]


def test_long_texts_lose_their_tail_and_keep_the_end(tokenizer):
    row = tokenizer.encode(["the " * 30])[0].tolist()
    assert row == [START, *[whole("the</w>")] * (LENGTH - 2), END]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  The \t\n\u3000 CAT ", "the cat"),
        ("&lt;the&gt; &amp;amp; cat", "<the> & cat"),
        ("\u00c3\u00a9t\u00c3\u00a9", "\u00e9t\u00e9"),
        ("\u201cthe\u201d \ufb01", '"the" fi'),
    ],
)
def test_texts_are_cleaned_first(tokenizer, text, clean):
    assert cleaned(text) == clean
    assert (tokenizer.encode([text]) == tokenizer.encode([clean])).all()


def test_names_of_special_tokens_are_text(tokenizer):
    row = tokenizer.encode(["<|endoftext|>"])[0]
    assert row[1] == byte_signs().index("<") and END not in row[1:-1]


def slow(text):
    """Byte pairs with nothing but the definition: of all pairs merge the one that comes first."""
    signs = dict(zip(_bytes_in_order(), byte_signs(), strict=True))
    ranks = {pair: n for n, pair in enumerate(MERGES)}
    ids = [*byte_signs(), *(sign + "</w>" for sign in byte_signs()), *map("".join, MERGES)]
    found = []
    for word in _words(cleaned(text)):
        parts = [signs[byte] for byte in word.encode()]
        parts[-1] += "</w>"
        while pairs := [p for p in pairwise(parts) if p in ranks]:
            first = min(pairs, key=ranks.__getitem__)
            n = list(pairwise(parts)).index(first)
            parts[n : n + 2] = ["".join(first)]
        found += [ids.index(part) for part in parts]
    return found


def _bytes_in_order():
    prints = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    return prints + [b for b in range(256) if b not in prints]


def _words(text):
    """Cut by hand: short forms, runs of letters, single digits, runs of anything but spaces."""
    kind = {"L": "L", "N": "N"}
    kinds = ["_" if c.isspace() else kind.get(unicodedata.category(c)[0], "O") for c in text]
    words, at = [], 0
    while at < len(text):
        end = at + 1
        short = re.match("'(s|t|re|ve|m|ll|d)", text[at:])
        if short:
            end = at + short.end()
        elif kinds[at] in "LO":
            while end < len(text) and kinds[end] == kinds[at]:
                end += 1
        words += [text[at:end]] * (kinds[at] != "_")
        at = end
    return words


SIGNS = st.sampled_from("thecats '!&;<>\u00e9\u65e5\U0001f600.12\n")
TEXTS = st.text(SIGNS | st.characters(codec="utf-8", max_codepoint=0xFFF), max_size=40)


def test_twin(path):
    tokenizer = ClipTokenizer(path, 400)

    @given(TEXTS)
    def compare(text):
        expected = slow(text)
        row = tokenizer.encode([text])[0, : len(expected) + 2].tolist()
        assert row == [START, *expected, END]

    compare()


def test_every_form_of_the_vocabulary_is_the_same(tmp_path, tokenizer):
    texts = ["the cat's 3 hats!", "caf\u00e9 \u65e5\u672c"]
    for name, text in tokenizer.files().items():
        (tmp_path / "tokenizer").mkdir(exist_ok=True)
        (tmp_path / "tokenizer" / name).write_text(text, encoding="utf-8")
    joined = {"model": {"vocab": tokenizer._ids, "merges": [list(pair) for pair in MERGES]}}
    (tmp_path / "joined").mkdir()
    (tmp_path / "joined" / "tokenizer.json").write_text(json.dumps(joined))
    for where in ("", "tokenizer", "joined"):
        again = ClipTokenizer(tmp_path / where, LENGTH)
        assert (again.encode(texts) == tokenizer.encode(texts)).all()


def test_what_is_no_vocabulary(tmp_path, tokenizer):
    def refused(match, **files):
        for name, text in (tokenizer.files() | files).items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=match):
            ClipTokenizer(tmp_path)

    with pytest.raises(ValueError, match=r"nowhere cannot be read"):
        ClipTokenizer(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"neither vocab\.json with merges\.txt nor tokenizer"):
        ClipTokenizer(tmp_path)
    for text in ("[]", "{", '{"a": "b"}', '{"a": 1}'):
        refused(r"cannot be read|tokens have no id", **{"vocab.json": text})
    refused("is no pair of tokens", **{"merges.txt": "#version\na b c\n"})
    refused("1 tokens have no id, such as 'zq'", **{"merges.txt": "#version\nz q\n"})
    twice = tokenizer._ids | {"<|endoftext|>": 0}
    refused("some tokens have the same id", **{"vocab.json": json.dumps(twice)})
    refused("cannot be read", **{"vocab.json": "[" * 200_000})
    odd = json.dumps(tokenizer._ids | {"\ud800": 10**6})
    refused("1 tokens are no text", **{"vocab.json": odd})
    damaged = bytearray(gzip.compress(bytes(range(256)) * 9))
    damaged[20:30] = bytes(10)
    (tmp_path / "damaged.gz").write_bytes(damaged)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(clip_tokenizer.MOST + 9)))
    for name in ("damaged", "bomb"):
        with pytest.raises(ValueError, match=rf"{name}\.gz cannot be read"):
            ClipTokenizer(tmp_path / f"{name}.gz")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"#version\nt h\n")[:-9])
    with pytest.raises(ValueError, match=r"cut\.gz cannot be read"):
        ClipTokenizer(tmp_path / "cut.gz")
    with pytest.raises(ValueError, match="length is 1"):
        ClipTokenizer(write_openclip(tmp_path / "good.gz"), 1)
    with pytest.raises(ValueError, match="must be in a list"):
        tokenizer.encode("the cat")
