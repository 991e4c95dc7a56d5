"""Prompts as a timeline: which frame belongs to which prompt, by frame number, never by device."""

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np

Range = tuple[int, int]


def even_ranges(count: int, frames: int) -> list[Range]:
    """`count` prompts split evenly over `frames`: prompt p holds [p F // n, (p + 1) F // n)."""
    edges = [p * frames // count for p in range(count + 1)]
    return list(pairwise(edges))


def timeline_troubles(
    count: int, frames: int, ranges: Sequence[Range] | None, crossfade: int | None
) -> list[str]:
    """Why `count` prompts, their ranges and their cross-fade do not make a timeline of `frames`."""
    if ranges is None and count > frames:
        return [f"prompts: {count} prompts for {frames} frames; give at most one per frame"]
    troubles = _range_troubles(count, frames, ranges) if ranges is not None else []
    if crossfade is not None and crossfade < 0:
        troubles.append(f"crossfade: {crossfade} frames; give 0 or more")
    elif crossfade is not None and not troubles:
        most = longest_crossfade(ranges or even_ranges(count, frames))
        if crossfade > most:
            troubles.append(
                f"crossfade: {crossfade} frames, but between these ranges at most {most} fit"
            )
    return troubles


def longest_crossfade(ranges: Sequence[Range]) -> int:
    """The most frames that every change of prompt may take without meeting the next change."""
    lengths = [stop - start for start, stop in ranges]
    if len(lengths) == 1:
        return ranges[0][1]
    return min([2 * lengths[0], *lengths[1:-1], 2 * lengths[-1]])


def prompt_weights(
    ranges: Sequence[Range],
    crossfade: int,
    numbers: Sequence[int] | np.ndarray | None = None,
    cuts: Collection[int] = (),
) -> np.ndarray:
    """How much of each prompt each frame is given: float64 (F, prompts), rows sum to 1.

    numbers: of the frames; all that the ranges hold if not given. cuts: first frames of scenes.

    At every boundary the weight passes linearly from one prompt to the next over `crossfade`
    frames, half of them on each side; at once where there is a cut.
    """
    middle = np.asarray(np.arange(ranges[-1][1]) if numbers is None else numbers) + 0.5
    later = np.ones((len(ranges) + 1, len(middle)))
    for p, (start, _) in enumerate(ranges[1:], 1):
        width = 1e-9 if start in cuts else max(crossfade, 1e-9)
        later[p] = np.clip((middle - start) / width + 0.5, 0, 1)
    later[-1] = 0
    return (later[:-1] - later[1:]).T


def frame_text(encoded: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Features per frame (F, N, D), from those of the prompts (prompts, N, D) and the weights."""
    mixed = np.tensordot(weights, np.asarray(encoded, np.float64), axes=1)
    return mixed.astype(encoded.dtype)


def wave_text(
    encoded: np.ndarray,
    ranges: Sequence[Range],
    crossfade: int,
    numbers: np.ndarray,
    cuts: Collection[int] = (),
) -> np.ndarray:
    """Text of the halves of guidance: (halves, 1, N, D) for one prompt, for several with a frame
    axis before N. encoded: features (texts, N, D) of the prompts, then of the negative one if there
    is guidance. numbers: of the frames. cuts: as in `prompt_weights`."""
    count = len(ranges)
    text, without = encoded[:1], encoded[count:]
    if count > 1:
        weights = prompt_weights(ranges, crossfade, numbers, cuts)
        text = frame_text(encoded[:count], weights)[None]
        without = np.broadcast_to(without[:, None], (len(without), *text.shape[1:]))
    return np.stack([without, text]) if len(without) else text[None]


def _range_troubles(count: int, frames: int, ranges: Sequence[Range]) -> list[str]:
    troubles = []
    if len(ranges) != count:
        troubles.append(f"ranges: {len(ranges)} ranges for {count} prompts; give one per prompt")
    end = 0
    for start, stop in ranges:
        if stop <= start:
            troubles.append(f"ranges: {start}-{stop} holds no frame")
        if start > end:
            troubles.append(f"ranges: frames {end}-{start} belong to no prompt")
        if start < end:
            troubles.append(f"ranges: {start}-{stop} begins before {end}, where the last one ends")
        end = max(stop, end)
    if end != frames:
        troubles.append(f"ranges: they end at frame {end}, but the video has {frames} frames")
    return troubles
