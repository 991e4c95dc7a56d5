"""A vocabulary of CLIP's kind that is small enough for tests, in OpenCLIP's form."""

import gzip
from pathlib import Path

MERGES = [
    ("t", "h"),
    ("th", "e</w>"),
    ("c", "a"),
    ("ca", "t</w>"),
    ("a", "t</w>"),
    ("s", "s"),
    ("'", "s</w>"),
    ("!", "!</w>"),
]


def write_openclip(path: Path) -> Path:
    """The file, as open_clip's bpe_simple_vocab_16e6.txt.gz is made."""
    lines = ["a first line that says nothing", *(" ".join(pair) for pair in MERGES)]
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    return path
