"""The tokenizer of a model folder: what its note says, which files lie beside the weights."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vinf_jax.models.clip_tokenizer import MERGES, VOCABULARY, ClipTokenizer
from vinf_jax.models.tokenizer import WordTokenizer

FOLDER = "tokenizer"


class Tokenizer(Protocol):
    """What turns prompts into token ids, int32 (B, length), all below `vocabulary`."""

    @property
    def vocabulary(self) -> int: ...
    @property
    def length(self) -> int: ...
    def encode(self, prompts: Sequence[str]) -> np.ndarray: ...


class NoTokenizer:
    """In the place of a tokenizer that a model came without: everything but prompts works."""

    vocabulary = length = 0

    def encode(self, prompts: Sequence[str]) -> np.ndarray:
        """Raises ValueError: it says where a tokenizer comes from."""
        raise ValueError(
            "the model has no tokenizer, because its source had none; give --tokenizer PATH, a "
            f"folder with {VOCABULARY} and {MERGES} (the tokenizer/ of a diffusers folder) or "
            "OpenCLIP's bpe_simple_vocab_16e6.txt.gz, here or when importing"
        )


def note_of(tokenizer: Tokenizer) -> dict[str, Any] | None:
    """What `read` needs to know, as JSON holds it."""
    if isinstance(tokenizer, WordTokenizer):
        return {"kind": "words", "words": tokenizer.words, "length": tokenizer.length}
    if isinstance(tokenizer, ClipTokenizer):
        return {"kind": "clip", "length": tokenizer.length}
    return None


def files_of(tokenizer: Tokenizer) -> dict[str, Callable[[Path], object]]:
    """What writes each file of a tokenizer, by path in the model folder."""
    texts = tokenizer.files() if isinstance(tokenizer, ClipTokenizer) else {}
    return {f"{FOLDER}/{name}": _writer(text) for name, text in texts.items()}


def read(folder: Path, note: Any) -> Tokenizer:
    """The tokenizer of a model folder, by what `note_of` said of it; without a kind it is of words.

    Raises:
        ValueError: a kind that does not exist, or a note that describes none.
    """
    if note is None:
        return NoTokenizer()
    try:
        fields = dict(note)
        kind = fields.pop("kind", "words")
        if kind == "words":
            return WordTokenizer(**fields)
        if kind == "clip":
            return ClipTokenizer(folder / FOLDER, **fields)
    except TypeError as error:
        raise ValueError(f"the note of {folder} describes no tokenizer: {error}") from None
    raise ValueError(f"{folder} has a tokenizer of kind {kind!r}; known are words and clip")


def _writer(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text, encoding="utf-8")
