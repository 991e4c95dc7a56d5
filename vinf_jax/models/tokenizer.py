"""Words to numbers, for text encoders whose vocabulary is a list of words."""

import difflib
from collections import Counter
from collections.abc import Sequence

import numpy as np

PAD, START, END = 0, 1, 2
FIRST_WORD = 3
SHOWN = 80
_PUNCTUATION = str.maketrans(dict.fromkeys(",.;:!?", " "))


class WordTokenizer:
    """One id per known word, between a start and an end, padded to a fixed length.

    Case and punctuation do not matter. The empty prompt is start, end and padding: the text of
    unconditional generation.

    Args:
        words: the vocabulary, in the order of the ids from 3.
        length: tokens per text, start and end included.

    Raises:
        ValueError: words that no prompt could hold or that stand twice, or a length below 2.
    """

    def __init__(self, words: Sequence[str], length: int) -> None:
        troubles = [f"the word {word!r} has no one-word form" for word in words if not _plain(word)]
        twice = [word for word, count in Counter(words).items() if count > 1]
        troubles += [f"the word {word!r} stands twice" for word in twice]
        if length < 2:
            troubles.append(f"length is {length}; start and end alone take 2")
        if troubles:
            raise ValueError("the tokenizer cannot be built: " + "; ".join(troubles))
        self.words, self.length = tuple(words), length
        self._ids = {word: FIRST_WORD + n for n, word in enumerate(words)}

    @property
    def vocabulary(self) -> int:
        """The number of ids, padding, start and end included."""
        return FIRST_WORD + len(self.words)

    def encode(self, prompts: Sequence[str]) -> np.ndarray:
        """Token ids, int32 (B, length), of B prompts.

        Raises:
            ValueError: one message with every unknown word, the known ones near it and what is
                known, and with every prompt that is too long.
        """
        if isinstance(prompts, str):
            raise ValueError(f"the prompt {prompts!r} must be in a list of prompts")
        texts = [_words(prompt) for prompt in prompts]
        troubles = self._unknown(texts) + self._too_long(prompts, texts)
        if troubles:
            raise ValueError("the prompts cannot be encoded: " + "; ".join(troubles))
        tokens = np.full((len(texts), self.length), PAD, np.int32)
        for row, text in zip(tokens, texts, strict=True):
            row[: len(text) + 2] = [START, *(self._ids[word] for word in text), END]
        return tokens

    def _unknown(self, texts: list[list[str]]) -> list[str]:
        unknown = dict.fromkeys(word for text in texts for word in text if word not in self._ids)
        if not unknown:
            return []
        more = ["..."] if len(self.words) > SHOWN else []
        known = ", ".join([*self.words[:SHOWN], *more])
        return [*(self._introduce(word) for word in unknown), f"the known words are {known}"]

    def _introduce(self, word: str) -> str:
        near = difflib.get_close_matches(word, self.words)
        return f"the word '{word}' is not known" + (f" (near: {', '.join(near)})" if near else "")

    def _too_long(self, prompts: Sequence[str], texts: list[list[str]]) -> list[str]:
        most = self.length - 2
        return [
            f"the prompt {prompt!r} has {len(text)} words; at most {most} fit"
            for prompt, text in zip(prompts, texts, strict=True)
            if len(text) > most
        ]


def _words(prompt: str) -> list[str]:
    return prompt.lower().translate(_PUNCTUATION).split()


def _plain(word: str) -> bool:
    return _words(word) == [word]
