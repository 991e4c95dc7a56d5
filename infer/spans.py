"""Ranges of frames as `retake` is given them, and prompts laid over ranges."""

import itertools
import re
from collections.abc import Sequence

Range = tuple[int, int]
_RANGE = re.compile(r"(?:(\d+(?:\.\d+)?)(s?))?:(?:(\d+(?:\.\d+)?)(s?))?")


def parse_range(text: str, frames: int, fps: float) -> Range:
    """ "12s:18s" -> (96, 144) at 8 frames per second; "96:144" -> (96, 144); "12s:" to the end.

    Raises:
        ValueError: anything else, or a range that is not inside a video of so many frames.
    """
    match = _RANGE.fullmatch(text)
    ends = []
    for number, unit, default in _ends(match, frames):
        value = default if number is None else float(number) * (fps if unit else 1)
        ends.append(round(value))
        if number is not None and not unit and "." in number:
            match = None
    if not match:
        raise ValueError(
            f"range: {text!r} is no range; write seconds, 12s:18s, or frames, 96:144 for frames 96 "
            "to 143"
        )
    start, stop = ends
    if not 0 <= start < stop <= frames:
        raise ValueError(
            f"range: {text} is frames {start} to {stop - 1}, but the video has frames 0 to "
            f"{frames - 1}, {frames / fps:g} s"
        )
    return start, stop


def between(ranges: Sequence[Range], frames: int) -> list[Range]:
    """What of a video lies outside of ranges, which are in order and do not overlap."""
    edges = [0, *(n for span in ranges for n in span), frames]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(start, stop) for start, stop in pairs if start < stop]


def overlaid(
    spans: Sequence[tuple[Range, str]], over: Sequence[tuple[Range, str]]
) -> list[tuple[Range, str]]:
    """Ranges with their prompts, after others have been laid over them."""
    stop = max(span[1] for span, _ in spans)
    edges = sorted({0, stop, *(n for span, _ in [*spans, *over] for n in span)})
    found = []
    for a, b in itertools.pairwise(edges):
        text = next(text for (start, end), text in [*over, *spans] if start <= a < end)
        found.append(((a, b), text))
    return found


def _ends(match: re.Match[str] | None, frames: int) -> list[tuple[str | None, str | None, int]]:
    if match is None:
        return []
    return [(match[1], match[2], 0), (match[3], match[4], frames)]


def joined(spans: Sequence[tuple[Range, str]]) -> tuple[list[str], list[Range]]:
    """Prompts and their ranges, neighbours of one text taken together, empty ones left out."""
    prompts: list[str] = []
    ranges: list[Range] = []
    for (start, stop), text in spans:
        if stop <= start:
            continue
        if prompts and prompts[-1] == text:
            ranges[-1] = ranges[-1][0], stop
        else:
            prompts.append(text)
            ranges.append((start, stop))
    return prompts, ranges
