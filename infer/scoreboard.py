"""Many measured videos as one table: means of each method with their intervals, and by how much
each differs from one of them on the same prompts and seeds."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vinf_jax.metrics.bootstrap import DRAWS, interval, resamples
from vinf_jax.metrics.moments import Moments
from vinf_jax.metrics.totals import BEST, BETTER

COLUMNS = {
    "seams": ("seams", 2),
    "flicker": ("flicker", 3),
    "drift": ("drift", 4),
    "motion": ("motion", 3),
    "identity": ("identity", 3),
    "following": ("following", 3),
    "motion right": ("motion right", 3),
    "late": ("late", 1),
    "in time": ("in time", 3),
    "bleed": ("bleed", 3),
    "distance": ("distance", 4),
    "total": ("total", 3),
    "without motion": ("without motion", 3),
}
"""Headings and decimals."""
SIGNS = {1: "more is better", -1: "less is better", 0: "neither more nor less"}
FEWEST = 6
"""Prompts from which a difference has a verdict: fewer all fall on one side too often by chance."""
DISTANCE_DRAWS = 40
"""Resamples that a distance's deviation is taken from."""


@dataclass(frozen=True)
class Scored:
    """A measured video. cell: prompt and seed. windows: moments of its windows' features. prompts:
    those of its parts, one by one."""

    method: str
    frames: int
    cell: tuple[str, int | None]
    figures: dict[str, float | None]
    windows: Moments | None = None
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Board:
    """Everything measured. real: of `window_distances`, if a distance is wanted. against: the
    method that the others are compared with."""

    videos: Sequence[Scored]
    against: str
    real: Any = None
    seed: int = 0
    _known: dict[Any, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """For JSON, by number of frames and method."""
        lengths = sorted({video.frames for video in self.videos})
        return {
            "interval": f"95 %, {DRAWS} resamples of prompts and of their seeds, seed {self.seed}",
            "measures": {name: SIGNS[BETTER[name]] for name in COLUMNS},
            "against": self.against,
            "lengths": {str(frames): self._length(frames) for frames in lengths},
        }

    def _length(self, frames: int) -> dict[str, Any]:
        groups: dict[str, dict[Any, Scored]] = {}
        for video in self.videos:
            if video.frames == frames:
                group = groups.setdefault(video.method, {})
                alike = itertools.count()  # of two of one prompt and seed neither is dropped
                group[next(key for n in alike if (key := (*video.cell, n)) not in group)] = video
        methods = {name: self._means(list(cells.values())) for name, cells in groups.items()}
        base = groups.get(self.against, {})
        differences = {
            name: self._differences(cells, base)
            for name, cells in groups.items()
            if name != self.against and cells.keys() & base.keys()
        }
        return {"methods": methods, "differences": differences}

    def _means(self, videos: Sequence[Scored]) -> dict[str, Any]:
        videos = sorted(videos, key=lambda video: str(video.cell))
        weights = self._weights(videos)
        found = {}
        for name in COLUMNS:
            each = [video.figures.get(name) for video in videos]
            values = [value for value in each if value is not None]
            if len(values) == len(videos):
                found[name] = _figure(float(np.mean(values)), *interval(values, weights))
        distances = self._distances(videos, weights)
        if distances is not None:
            found["distance"] = _centred(*distances)
        prompts = {video.cell[0] for video in videos}
        return {"videos": len(videos), "prompts": len(prompts), "measures": found}

    def _differences(self, cells: dict[Any, Scored], base: dict[Any, Scored]) -> dict[str, Any]:
        """Of this method from the base, positive where this one's figure is larger."""
        both = sorted(cells.keys() & base.keys(), key=str)
        ours, theirs = [cells[cell] for cell in both], [base[cell] for cell in both]
        weights, found = self._weights(ours), {}
        for name in COLUMNS:
            pairs = [
                (a.figures.get(name), b.figures.get(name))
                for a, b in zip(ours, theirs, strict=True)
            ]
            apart = [a - b for a, b in pairs if a is not None and b is not None]
            if len(apart) == len(pairs):
                found[name] = _figure(float(np.mean(apart)), *interval(apart, weights))
        one, other = self._distances(ours, weights), self._distances(theirs, weights)
        if one is not None and other is not None:
            found["distance"] = _centred(one[0] - other[0], one[1] - other[1])
        if len({prompt for prompt, *_ in both}) >= FEWEST:
            for name, figure in found.items():
                done = name in BEST and max(_mean(ours, name), _mean(theirs, name)) <= BEST[name]
                figure["verdict"] = "same" if done else _verdict(figure, BETTER[name])
        return {"videos": len(both), "measures": found}

    def _weights(self, videos: Sequence[Scored]) -> np.ndarray:
        return resamples([video.cell[0] for video in videos], seed=self.seed)

    def _distances(
        self, videos: Sequence[Scored], weights: np.ndarray
    ) -> tuple[float, np.ndarray] | None:
        """(of all videos, of every resample) from the real clips."""
        parts = [video.windows for video in videos if video.windows is not None]
        if self.real is None or len(parts) != len(videos):
            return None
        key = tuple((video.method, video.frames, video.cell) for video in videos)
        if key not in self._known:
            told = parts, [video.prompts for video in videos]
            draws = [self.real.distance(*told, row) for row in weights[:DISTANCE_DRAWS]]
            self._known[key] = self.real.distance(*told), np.array(draws)
        return self._known[key]


def rows(record: dict[str, Any], frames: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """(headings, rows) of one length: "mean [low, high]" of each method; "-" where there is none,
    and no column where there is none of any."""
    head, body = rows_of_all({"lengths": {frames: record["lengths"][frames]}})
    return head[1:], [row[1:] for row in body]


def rows_of_all(record: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """(headings, rows) of all lengths in one table, the length before each method."""
    methods = {frames: found["methods"] for frames, found in record["lengths"].items()}
    names = _measured([each for of in methods.values() for each in of.values()])
    head = ("frames", "method", "videos", *(COLUMNS[name][0] for name in names))
    return head, [
        (frames, *_row(name, each, names))
        for frames, of in methods.items()
        for name, each in of.items()
    ]


def markdown(record: dict[str, Any]) -> str:
    """Tables of all lengths, and the differences below each."""
    text = []
    for frames, found in record["lengths"].items():
        text += [f"## {frames} frames", "", *_lines(*rows(record, frames)), ""]
        apart = found["differences"]
        if apart:
            names = _measured(list(apart.values()))
            head = (f"minus {record['against']}", "pairs", *(COLUMNS[name][0] for name in names))
            text += [*_lines(head, [_row(name, each, names) for name, each in apart.items()]), ""]
    return "\n".join(
        [
            *text,
            f"In brackets the interval of the mean, {record['interval']}.",
            f"{directions(record)}.",
            "",
        ]
    )


def directions(record: dict[str, Any]) -> str:
    """Of which measures less is better, of which more: those that were taken."""
    found = [each for of in record["lengths"].values() for each in of["methods"].values()]
    taken = _measured(found)
    groups: dict[str, list[str]] = {}
    for name, sign in record["measures"].items():
        if name in taken:
            groups.setdefault(sign, []).append(name)
    return "; ".join(f"{sign}: {', '.join(names)}" for sign, names in groups.items())


def _measured(methods: Sequence[Mapping[str, Any]]) -> list[str]:
    """The measures that any method has."""
    return [name for name in COLUMNS if any(name in each["measures"] for each in methods)]


def _row(name: str, found: dict[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    measures = found["measures"]
    cells = (_said(measures[n], COLUMNS[n][1]) if n in measures else "-" for n in names)
    return name, str(found["videos"]), *cells


def _said(figure: dict[str, Any], decimals: int) -> str:
    mean, low, high = (f"{figure[name]:.{decimals}f}" for name in ("mean", "low", "high"))
    verdict = figure.get("verdict")
    return f"{mean} [{low}, {high}]" + (f" {verdict}" if verdict in ("better", "worse") else "")


def _lines(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    ruler = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |" for row in (head, ruler, *body)]


def _mean(videos: Sequence[Scored], name: str) -> float:
    return float(np.mean([video.figures[name] for video in videos]))


def _figure(mean: float, low: float, high: float) -> dict[str, Any]:
    return {"mean": mean, "low": low, "high": high}


def _centred(value: float, draws: np.ndarray) -> dict[str, Any]:
    """A distance grows with every video that stands twice in a resample: the resamples tell how
    far it scatters, not where it lies."""
    reach = 1.96 * float(draws.std())
    return _figure(value, value - reach, value + reach)


def _verdict(figure: dict[str, Any], sign: int) -> str | None:
    """ "better" or "worse" where the interval leaves no doubt, "same" where it does."""
    if sign == 0:
        return None
    if figure["low"] <= 0 <= figure["high"]:
        return "same"
    return "better" if figure["mean"] * sign > 0 else "worse"
