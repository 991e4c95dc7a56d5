"""All measures of one long video, by its record: figures, and how they go over time."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from vinf_jax.media.captions import Facts
from vinf_jax.media.judge import judge
from vinf_jax.media.sprites import clip
from vinf_jax.metrics import drift as drifting
from vinf_jax.metrics.arrival import SOON, arrivals
from vinf_jax.metrics.changes import flicker, motion, seams
from vinf_jax.metrics.following import Scene, following, identity, moving
from vinf_jax.metrics.parts import pieces
from vinf_jax.metrics.totals import totals

from .films import Film

VERSION = 3
"""Of the measures; figures of another one are measured again."""
REAL, SECONDS = 8, 2.0
"""Real clips, and seconds of each, that say how much a prompt's motion changes."""


def measured(film: Film, frames: np.ndarray, fps: float, window: int) -> dict[str, Any]:
    """ "figures": one of each measure, None where it cannot be taken; "curves": lists for each
    prompt: drift by later second, identity by second, following and motion right by window.

    window: frames in which the judge looks for motion.
    """
    parts, scenes = film.parts(len(frames)), film.scenes(len(frames))
    curves = {"drift": drifting.drift(frames, fps, parts)}
    wanted, coming = None, []
    if scenes:
        reading = judge(frames, fps=fps)
        curves["identity"] = identity(reading, scenes)
        curves["following"] = following(reading, scenes, window)
        curves["motion right"] = moving(reading, scenes, window)
        coming = arrivals(reading, film.changing() or [])
        wanted = _wanted(scenes, fps, frames.shape[1:3])
    figures = {
        "seams": seams(frames, film.joins, parts),
        "flicker": flicker(frames, parts),
        "drift": _mean(curves["drift"]),
        "motion": motion(frames, parts),
        "motion wanted": wanted,
        "identity": _mean(curves.get("identity", [])),
        "following": _mean(curves.get("following", [])),
        "motion right": _mean(curves.get("motion right", [])),
        "late": _mean([[each.late for each in coming]]),
        "in time": _mean([[each.late <= SOON for each in coming]]),
        "bleed": _mean([[each.bleed for each in coming]]),
    }
    return {
        "version": VERSION,
        "window": window,
        "frames": len(frames),
        "size": list(frames.shape[1:3]),
        "fps": fps,
        "figures": figures | totals(figures),
        "curves": curves,
    }


def windows(film: Film, frames: np.ndarray, window: int) -> np.ndarray:
    """(n, window, H, W, 3): the video in pieces, none across a change of prompt."""
    ranges = [piece for part in pieces(film.parts(len(frames)), window) for piece in part]
    return np.stack([frames[slice(*range_)] for range_ in ranges]) if ranges else frames[:0, None]


def _wanted(scenes: Sequence[Scene], fps: float, size: tuple[int, ...]) -> float | None:
    """The motion of real clips of the prompts, None where these do not say all of what to draw."""
    if any(scene.facts.unspoken() for scene in scenes):
        return None
    frames = [scene.stop - scene.start for scene in scenes]
    if not sum(frames):
        return None
    each = [_real_motion(scene.facts, fps, *size) for scene in scenes]
    return float(np.average(each, weights=frames))


@functools.lru_cache(maxsize=1024)
def _real_motion(facts: Facts, fps: float, height: int, width: int) -> float:
    frames = max(3, round(fps * SECONDS))
    how: dict[str, Any] = {"frames": frames, "height": height, "width": width, "fps": fps}
    found = [motion(clip(facts, seed=(n, 7), **how)) for n in range(REAL)]
    return float(np.mean([value for value in found if value is not None]))


def _mean(curves: Sequence[Sequence[float]]) -> float | None:
    values = [value for curve in curves for value in curve]
    return float(np.mean(values)) if values else None
