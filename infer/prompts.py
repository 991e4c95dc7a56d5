"""Prompts as people give them: on the command line or in a file, with or without frame ranges.

A range is half open, like Python's: 0:96 is frames 0 to 95. Prompts without ranges share the video
evenly.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LARGEST = 2**22
"""Bytes of a file of prompts."""
Ranges = tuple[tuple[int, int], ...]
_RANGE = re.compile(r"\s*(\d+)\s*:\s*(\d+)\s*")
_LINE = re.compile(r"\s*(\d+\s*:\s*\d+)\s*:?\s+(\S.*)")


def parse_range(text: str) -> tuple[int, int]:
    """ "0:96" -> (0, 96).

    Raises:
        ValueError: anything else.
    """
    match = _RANGE.fullmatch(text)
    if not match:
        raise ValueError(
            f"ranges: {text!r} is no range of frames; write START:STOP, say 0:96 for frames 0 to 95"
        )
    return int(match[1]), int(match[2])


def read_file(path: Path) -> tuple[tuple[str, ...], Ranges | None]:
    """(prompts, their ranges or None) of a file.

    A text file has one prompt a line, each after its range ("0:96 a red circle ...") or none of
    them; empty lines and lines that begin with # do not count. A file that ends with .json holds
    a list of prompts, or {"prompts": [...], "ranges": [[0, 96], ...]}.

    Raises:
        ValueError: no such file, an empty one, or one that cannot be understood.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError(f"prompts-file: {path} has over {LARGEST} bytes; give a shorter one")
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise ValueError(f"prompts-file: there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"prompts-file: {path} cannot be read as text: {error}") from error
    prompts, ranges = _from_json(path, text) if path.suffix == ".json" else _from_lines(path, text)
    if not prompts:
        raise ValueError(f"prompts-file: {path} holds no prompt; write one a line")
    return prompts, ranges


def asked(
    prompts: Sequence[str], file: Path | None, ranges: Sequence[str] | None
) -> tuple[list[str], list[str], Ranges | None]:
    """(what is wrong, prompts, their ranges or None) of the flags --prompts, --prompts-file and
    --ranges. Whether they fit the frames is for the system to say."""
    texts, spans, found = list(prompts), None, []
    try:
        if file is not None:
            read, spans = read_file(file)
            texts += read
        if ranges is not None:
            spans = tuple(parse_range(text) for text in ranges)
    except ValueError as error:
        found.append(str(error))
    if file is not None and (prompts or (ranges is not None and spans)):
        found.append(
            "prompts-file: it takes the place of --prompts and --ranges; give one or other"
        )
    if not texts and file is None:
        found.append("prompts: none; give --prompts or --prompts-file")
    empty = [n for n, text in enumerate(texts, 1) if not text.strip()]
    found += [f"prompts: number {n} is empty; say something" for n in empty]
    return found, texts, spans


def _from_lines(path: Path, text: str) -> tuple[tuple[str, ...], Ranges | None]:
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    matches = [_LINE.fullmatch(line) for line in lines]
    if not any(matches):
        return tuple(lines), None
    bare = [line for line, match in zip(lines, matches, strict=True) if not match]
    if bare:
        raise ValueError(
            f"prompts-file: {path} gives some prompts a range and others none ({bare[0]!r}); give "
            "every line one (0:96 a red circle ...), or none"
        )
    found = [match for match in matches if match]
    return tuple(match[2] for match in found), tuple(parse_range(match[1]) for match in found)


def _from_json(path: Path, text: str) -> tuple[tuple[str, ...], Ranges | None]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"prompts-file: {path} is no JSON: {error}") from error
    value = {"prompts": value} if isinstance(value, list) else value
    if not isinstance(value, dict) or not set(value) <= {"prompts", "ranges"}:
        raise ValueError(_WANTED.format(path=path))
    prompts, ranges = value.get("prompts", []), value.get("ranges")
    if not _is_texts(prompts) or not (ranges is None or _is_ranges(ranges)):
        raise ValueError(_WANTED.format(path=path))
    return tuple(prompts), None if ranges is None else tuple((a, b) for a, b in ranges)


_WANTED = (
    "prompts-file: {path} should hold a list of prompts, or an object with "
    '"prompts": [texts] and, if you like, "ranges": [[start, stop], ...]'
)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_ranges(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(type(n) is int and n >= 0 for n in pair)
        for pair in value
    )
