"""Where scenes change: cuts as a person, a model's settings or a prompt timeline give them."""

from collections.abc import Mapping, Sequence
from typing import Any

from vinf_jax.nn.dual import DualScope
from vinf_jax.nn.scope import Scope
from vinf_jax.systems.video_infinity.prompts import Range
from vinf_jax.systems.video_infinity.waves import whole

AT_PROMPTS, NONE = "prompts", "none"
"""Cuts where two prompts meet without a cross-fade, and no cuts."""


def cut_troubles(wish: Mapping[str, Any], scope: Scope | None) -> list[str]:
    """Why the wished-for `cuts` cannot be, for people, or nothing. scope: None where it is not to
    be had."""
    cuts, frames = wish["cuts"], wish["frames"]
    if cuts is None or cuts == NONE:
        return beyond(scope.cuts, frames) if isinstance(scope, DualScope) else []
    troubles = word_troubles(cuts) or ([] if cuts == AT_PROMPTS else beyond(cuts, frames))
    if scope is not None and not isinstance(scope, DualScope):
        troubles.append(
            f"cuts: {cuts!r}, but this scope ({type(scope).__name__}) knows no scenes; leave them "
            "out, or use preset video_infinity"
        )
    if cuts == AT_PROMPTS and wish["crossfade"]:
        troubles.append(
            f"cuts: prompts, but crossfade is {wish['crossfade']} frames, and a cut is where two "
            "prompts meet without one; make crossfade 0, or give the cuts' frames"
        )
    return troubles


def word_troubles(cuts: Any) -> list[str]:
    """Why this is neither a word for cuts nor a list of frames, or nothing."""
    if isinstance(cuts, str):
        fits = cuts in (AT_PROMPTS, NONE)
    else:
        fits = isinstance(cuts, Sequence) and all(map(whole, cuts))
    return [] if fits else [f"cuts: {cuts!r}; give {AT_PROMPTS}, {NONE} or frame numbers"]


def beyond(cuts: Sequence[int], frames: int) -> list[str]:
    """Why these frames begin no new scene of a video of so many, or nothing."""
    wrong = [n for n in cuts if not 0 < n < frames]
    if not wrong or frames < 2:
        return []
    return [
        f"cuts: {', '.join(map(str, wrong))}, but new scenes of {frames} frames begin at frame 1 "
        f"to {frames - 1}"
    ]


def cuts_of(
    wish: Any, scope: DualScope, own: Any, ranges: Sequence[Range], crossfade: int
) -> tuple[int, ...]:
    """The first frames of new scenes. What a person wishes comes before what the scope names, and
    that before `own`, the model's settings."""
    asked = wish if wish is not None else (scope.cuts or own)
    if asked == NONE:
        return ()
    if asked == AT_PROMPTS:
        return () if crossfade else tuple(int(start) for start, _ in ranges[1:])
    return tuple(sorted({int(n) for n in asked if 0 < n < ranges[-1][1]}))
