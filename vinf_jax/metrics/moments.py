"""Mean and covariance of features that come a few at a time; nothing but sums is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Of `count` rows: their mean (D,) and scatter (D, D), in float64. Rows may count in parts.

    scatter: the sum of outer products of distances from the mean. Parts are joined around their
    own means (Chan, Golub and LeVeque, 1979), so a large mean costs no digits.
    """

    count: int | float
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> "Moments":
        """Of rows (N, D), N of 1 or more.

        Raises:
            ValueError: no rows, another number of axes, or numbers that are not finite.
        """
        rows = np.asarray(features, np.float64)
        if rows.ndim != 2 or not len(rows):
            raise ValueError(f"features have shape {rows.shape}; (N, D) of 1 row or more is needed")
        strange = [n for n, row in enumerate(rows) if not np.isfinite(row).all()]
        if strange:
            raise ValueError(f"features of clips {strange[:8]} are not finite")
        mean = rows.mean(0)
        apart = rows - mean
        return cls(len(rows), mean, apart.T @ apart)

    def __add__(self, other: "Moments") -> "Moments":
        """Of the rows of both."""
        count = self.count + other.count
        share = other.count / count
        apart = other.mean - self.mean
        between = self.count * share * np.outer(apart, apart)
        return Moments(count, self.mean + share * apart, self.scatter + other.scatter + between)

    def covariance(self, *, unbiased: bool) -> np.ndarray:
        """(D, D): the scatter over count - 1 if unbiased, over count otherwise.

        Raises:
            ValueError: unbiased, of a single row.
        """
        if unbiased and self.count < 2:
            raise ValueError("one clip has no unbiased covariance; give 2 or more")
        return self.scatter / (self.count - unbiased)


def mixed(parts: Sequence[Moments], weights: Sequence[float] | np.ndarray) -> Moments:
    """Of the rows of all parts, each counted as often as its part's weight says.

    Raises:
        ValueError: no part, other than one weight for each, or weights that leave nothing.
    """
    if not parts or len(weights) != len(parts) or min(weights) < 0 or not sum(weights):
        raise ValueError(
            f"weights: {len(weights)} for {len(parts)} parts; one each, 0 or more, is needed"
        )
    counts = np.array([part.count for part in parts]) * np.asarray(weights, np.float64)
    means = np.stack([part.mean for part in parts])
    mean = counts @ means / counts.sum()
    inside = np.tensordot(weights, np.stack([part.scatter for part in parts]), axes=1)
    apart = means - mean
    return Moments(float(counts.sum()), mean, inside + (apart * counts[:, None]).T @ apart)
