"""The distance of long videos from real clips: its flags, and the videos that are put to it."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

RANDOM, NONE = "random", "none"
WINDOW = 16


def add_distance(to: Any) -> None:
    """How the windows of videos are compared with real clips."""
    to.add_argument(
        "--window",
        type=int,
        default=WINDOW,
        help="frames in which motion is judged and of real clips (default: %(default)s)",
    )
    to.add_argument(
        "--features",
        default=RANDOM,
        metavar="FOLDER",
        help="what the distance looks through: I3D, as python -m convert import left it (FVD's "
        "network); 'random': the shipped random features (not FVD, the default); 'none'",
    )
    to.add_argument(
        "--real",
        type=Path,
        metavar="FOLDER",
        help="real videos for the distance (default: drawn ones, for the sprites' prompts)",
    )


def distance_troubles(options: argparse.Namespace) -> list[str]:
    """What is wrong with the flags of `add_distance`."""
    troubles = []
    if options.window < 4:
        troubles.append(f"window: {options.window} frames; give 4 or more, or no motion is seen")
    if options.real is not None and not options.real.exists():
        troubles.append(f"real: there is no folder {options.real}")
    elif options.real and options.real.is_file() and options.real.suffix != ".npy":
        troubles.append(f"real: {options.real} is a file; give a folder of videos")
    known = options.features in (RANDOM, NONE) or Path(options.features).is_dir()
    if not known:
        troubles.append(
            f"features: there is no folder {options.features}; give I3D's, 'random' or 'none'"
        )
    return troubles


class Ruler:
    """Moments of videos' windows through a network, and real ones to compare them with.

    There is no distance where videos differ in size or rate, or no real clip can be drawn for a
    prompt and nobody named real videos.

    Raises:
        ValueError: a folder of features that holds no such network, or windows that it is too long
            for.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options, self._looking = options, None
        self._prompts: dict[str, None] = {}
        self._kind: tuple[float, tuple[int, int]] | None = None
        self._why = "none was asked for" if options.features == NONE else ""
        if not self._why:
            from vinf_jax.metrics.frechet import STYLEGANV

            from .feature_networks import distance_features

            try:
                self._looking = distance_features(options.features, STYLEGANV)
            except ValueError as error:
                raise ValueError(f"features: {error}") from None
            fewest, name = self._looking.fewest, self._looking.through
            if options.window < fewest:
                raise ValueError(f"window: {options.window} frames; {name} needs {fewest} or more")

    @property
    def through(self) -> str | None:
        """The network's name."""
        return self._looking and self._looking.through

    def features(self, film: Any, frames: np.ndarray) -> np.ndarray | None:
        """(n, D) of a video's windows; None where there is no network to look through, or the
        video is shorter than a window."""
        from .long_measures import windows
        from .window_distances import features

        if self._looking is None:
            return None
        clips = windows(film, frames, self._options.window)
        return features(self._looking, clips) if len(clips) else None

    def scored(self, film: Any, record: dict[str, Any], rows: np.ndarray | None) -> Any:
        """The video for a scoreboard. record: its measures. rows: features of its windows."""
        from vinf_jax.metrics.moments import Moments

        from .scoreboard import Scored

        if rows is not None:
            self._meet(film, record)
        moments = None if rows is None else Moments.of(rows)
        texts = tuple(text for text, _, _ in film.prompts)
        asked = film.method, record["frames"], film.cell
        return Scored(*asked, record["figures"], moments, texts)

    def real(self) -> Any:
        """The real clips, None where there are none; to be asked when all videos are in."""
        from .window_distances import real_files, real_sprites

        if self._why or self._looking is None or self._kind is None:
            return None
        fps, size = self._kind
        if self._options.real is not None:
            return real_files(self._looking, self._options.real, self._options.window, size)
        prompts = sorted(self._prompts)
        return real_sprites(self._looking, prompts, self._options.window, fps, size)

    def said(self) -> str:
        """What the distance is, for people."""
        if self._why or self._looking is None or self._kind is None:
            return f"no distance: {self._why or 'no video was long enough'}"
        where = self._options.real or "clips drawn for the same prompts"
        name, window = self._looking.name, self._options.window
        return f"distance: {name}, windows of {window} frames, from {where}"

    def _meet(self, film: Any, record: dict[str, Any]) -> None:
        """One more video."""
        kind = record["fps"], tuple(record["size"])
        self._kind = self._kind or kind
        if kind != self._kind:
            self._why = f"{film.path} has another size or frame rate than the videos before it"
        if self._options.real is None:
            prompts = [text for text, _, _ in film.prompts]
            unknown = _undrawable(prompts)
            if unknown and not self._why:
                self._why = f"{film.path}: {unknown}; --real names real videos"
            self._prompts |= dict.fromkeys(prompts)


def _undrawable(prompts: Sequence[str]) -> str:
    """Why no clip can be drawn for these prompts, or nothing."""
    from vinf_jax.media.captions import parse

    if not prompts:
        return "it has no record of its prompts"
    for text in prompts:
        try:
            unspoken = parse(text).unspoken()
        except ValueError:
            return f"{text!r} is not of the sprites' world"
        if unspoken:
            return f"{text!r} does not say {', '.join(unspoken)}"
    return ""
