"""CLIP's byte-pair encoding (Radford et al., arXiv 2103.00020), as OpenCLIP applies it.

The vocabulary is the user's: it comes with a checkpoint or with OpenCLIP, never with this project.
"""

import gzip
import html
import json
import zlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

VOCABULARY, MERGES, JOINED = "vocab.json", "merges.txt", "tokenizer.json"
START, END = "<|startoftext|>", "<|endoftext|>"
PAD = 0
"""Behind the end. It is also the id of "!" inside a word; a "!" in a prompt is another one."""
END_OF_WORD = "</w>"
VERSION = "#version: 0.2"
MOST = 2**26
"""Bytes of a file, unpacked."""
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
_UNREADABLE += (zlib.error,)
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
OPENCLIP_MERGES = 49152 - 256 - 2
"""That many lines of OpenCLIP's file are used; it goes on behind them."""


class ClipTokenizer:
    """Byte pairs of cleaned, lower-case text between a start and an end, padded with id 0.

    Texts that are too long lose their tail and keep the end. Names of special tokens in a prompt
    are text like any other.

    Args:
        path: a folder with vocab.json and merges.txt, or with tokenizer.json; one that holds such
            a folder called tokenizer (as diffusers folders do); or OpenCLIP's own file,
            bpe_simple_vocab_16e6.txt.gz.
        length: tokens per text, start and end included.

    Raises:
        ValueError: no such files, or files that hold no vocabulary of CLIP's kind.
    """

    def __init__(self, path: str | Path, length: int = 77) -> None:
        path = Path(path)
        try:
            self._ids, self._merges = _read(path)
        except _UNREADABLE as error:
            raise ValueError(f"tokenizer {path} cannot be read: {error}") from error
        troubles = _troubles(self._ids, self._merges)
        if length < 2:
            troubles.append(f"length is {length}; start and end alone take 2")
        if troubles:
            raise ValueError(f"tokenizer {path} is not one of CLIP's: {'; '.join(troubles)}")
        self.length = length

    @property
    def vocabulary(self) -> int:
        """The number of ids, start and end included."""
        return max(self._ids.values()) + 1

    def encode(self, prompts: Sequence[str]) -> np.ndarray:
        """Token ids, int32 (B, length), of B prompts."""
        if isinstance(prompts, str):
            raise ValueError(f"the prompt {prompts!r} must be in a list of prompts")
        tokens = np.full((len(prompts), self.length), PAD, np.int32)
        for row, prompt in zip(tokens, prompts, strict=True):
            found = self._pairs.encode(cleaned(prompt)).ids[: self.length - 2]
            row[: len(found) + 2] = [self._ids[START], *found, self._ids[END]]
        return tokens

    def files(self) -> dict[str, str]:
        """The texts of vocab.json and merges.txt, from which the same tokenizer can be made."""
        lines = [VERSION, *(" ".join(pair) for pair in self._merges)]
        vocabulary = json.dumps(self._ids, ensure_ascii=False)
        return {VOCABULARY: vocabulary, MERGES: "\n".join(lines) + "\n"}

    @cached_property
    def _pairs(self) -> Any:
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers

        pairs = Tokenizer(models.BPE(self._ids, self._merges, end_of_word_suffix=END_OF_WORD))
        pairs.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(WORDS), "removed", invert=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        return pairs


def cleaned(text: str) -> str:
    """Broken encodings mended, HTML entities resolved (twice: "&amp;lt;" is "<"), single white
    space, lower case."""
    import ftfy

    whole = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(whole.split()).lower()


def byte_signs() -> list[str]:
    """The sign that stands for each byte: itself where it prints, else one from 256 on (GPT-2)."""
    prints = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    prints += range(ord("®"), ord("ÿ") + 1)
    others = [byte for byte in range(256) if byte not in prints]
    return [*map(chr, prints), *(chr(256 + n) for n in range(len(others)))]


def _read(path: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """(id of every token, merges in their order)."""
    if not path.is_dir():
        with gzip.open(path) as file:
            return _openclip(_text(file))
    folders = [path, path / "tokenizer"]
    for folder in folders:
        if (folder / VOCABULARY).exists():
            with (folder / VOCABULARY).open("rb") as words, (folder / MERGES).open("rb") as merges:
                return dict(json.loads(_text(words))), _pairs(_text(merges).splitlines())
        if (folder / JOINED).exists():
            with (folder / JOINED).open("rb") as file:
                return _joined(json.loads(_text(file)))
    raise FileNotFoundError(f"it has neither {VOCABULARY} with {MERGES} nor {JOINED}")


def _text(file: Any) -> str:
    """All of a file of bytes that is open."""
    data = file.read(MOST + 1)
    if len(data) > MOST:
        raise ValueError(f"it has over {MOST} bytes, which no vocabulary has")
    return data.decode("utf-8")


def _openclip(text: str) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Ids count signs, signs at the end of a word, merged pairs, start and end."""
    merges = _pairs(text.split("\n")[: OPENCLIP_MERGES + 1])
    signs = byte_signs()
    tokens = [*signs, *(sign + END_OF_WORD for sign in signs), *map("".join, merges), START, END]
    return {token: n for n, token in enumerate(tokens)}, merges


def _joined(content: Any) -> tuple[dict[str, int], list[tuple[str, str]]]:
    model = content["model"]
    merges = [" ".join(m) if isinstance(m, list) else m for m in model["merges"]]
    return dict(model["vocab"]), _pairs([VERSION, *merges])


def _pairs(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of merges.txt; the first line is its version."""
    found = [tuple(line.split(" ")) for line in lines[1:] if line]
    if strange := next((pair for pair in found if len(pair) != 2), None):
        raise ValueError(f"{' '.join(strange)[:40]!r} is no pair of tokens")
    return [(left, right) for left, right in found]


def _troubles(ids: dict[str, int], merges: Iterable[tuple[str, str]]) -> list[str]:
    signs = byte_signs()
    needed = {START, END, *signs, *(sign + END_OF_WORD for sign in signs)}
    needed |= {token for pair in merges for token in (*pair, "".join(pair))}
    missing = sorted(needed - ids.keys())
    troubles = [f"{len(missing)} tokens have no id, such as {missing[0]!r}"] if missing else []
    if odd := [token for token in ids if not _utf8(token)]:
        troubles.append(f"{len(odd)} tokens are no text, such as {odd[0]!a}")
    if any(type(n) is not int or n < 0 for n in ids.values()):
        troubles.append("ids must be whole numbers from 0")
    elif len(set(ids.values())) != len(ids):
        troubles.append("some tokens have the same id")
    return troubles


def _utf8(token: str) -> bool:
    try:
        return bool(token.encode()) or not token
    except UnicodeEncodeError:
        return False
