"""One figure of a long video from all its measures, with and without the motion.

Every measure becomes a term from 0 to 1, 1 the best, and a total is the mean of the terms there
are. What could not be measured is left out, so totals compare only where terms are the same.
"""

from collections.abc import Callable, Mapping

from vinf_jax.metrics.changes import FLOOR

LIVELY = 1.0
"""Levels a frame from which motion counts in full where nobody knows how much there should be."""

Figures = Mapping[str, float | None]


def agreement(found: float, wanted: float) -> float:
    """1 where there is as much motion as there should be, less where there is less or more."""
    return (min(found, wanted) + FLOOR) / (max(found, wanted) + FLOOR)


def _motion(figures: Figures) -> float | None:
    found, wanted = figures.get("motion"), figures.get("motion wanted")
    if found is None:
        return None
    return min(1.0, found / LIVELY) if wanted is None else agreement(found, wanted)


def _with(name: str, term: Callable[[float], float]) -> Callable[[Figures], float | None]:
    def of(figures: Figures) -> float | None:
        value = figures.get(name)
        return None if value is None else term(value)

    return of


TERMS: dict[str, Callable[[Figures], float | None]] = {
    "seams": _with("seams", lambda ratio: min(1.0, 1 / ratio)),
    "flicker": _with("flicker", lambda levels: 1 / (1 + levels)),
    "drift": _with("drift", lambda distance: 1 - distance),
    "identity": _with("identity", lambda share: share),
    "following": _with("following", lambda share: share),
    "motion": _motion,
}
"""Half a point is lost where joins change twice as much as the rest, or at a flicker of 1."""
BETTER = {"seams": -1, "flicker": -1, "drift": -1, "motion": 0, "identity": 1, "following": 1}
BETTER |= {"motion right": 1, "late": -1, "in time": 1, "bleed": -1}
BETTER |= {"distance": -1, "total": 1, "without motion": 1}
"""Whether more of a measure is better (1), less (-1), or neither (0)."""
BEST = {"seams": 1.0}
"""Means at which a measure is as good as it gets: joins that change no more than the rest do not
show, and less is chance."""


def terms(figures: Figures) -> dict[str, float]:
    """The terms of all measures there are."""
    found = {name: term(figures) for name, term in TERMS.items()}
    return {name: value for name, value in found.items() if value is not None}


def totals(figures: Figures) -> dict[str, float | None]:
    """ "total" and "without motion", None where nothing was measured."""
    found = terms(figures)
    rest = [value for name, value in found.items() if name != "motion"]
    return {"total": _mean(list(found.values())), "without motion": _mean(rest)}


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
