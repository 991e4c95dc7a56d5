"""95 % intervals of means over prompts and seeds, by resampling (Efron, 1979).

Prompts are drawn again with replacement, and of each drawn prompt its seeds. Two methods that were
asked the same are resampled alike, so the interval of their difference is that of pairs.
"""

from collections.abc import Sequence

import numpy as np

DRAWS = 2000


def resamples(prompts: Sequence[object], *, seed: int = 0, draws: int = DRAWS) -> np.ndarray:
    """(draws, N): how often each of N videos counts in every resample; the sum of a row is 1.

    Args:
        prompts: of the videos; those of one prompt are its seeds.
    """
    names = list(dict.fromkeys(prompts))
    cells = [[n for n, prompt in enumerate(prompts) if prompt == name] for name in names]
    counts = np.array([len(cell) for cell in cells])
    table = np.full((len(cells), counts.max()), -1)
    for row, cell in zip(table, cells, strict=True):
        row[: len(cell)] = cell
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(cells), size=(draws, len(cells), 1))
    which = rng.random((draws, len(cells), counts.max())) * counts[drawn]
    chosen = table[drawn, which.astype(int)].reshape(draws, -1)
    weights = np.zeros((draws, len(prompts)))
    np.add.at(weights, (np.arange(draws)[:, None], chosen), 1 / chosen.shape[1])
    return weights


def interval(values: Sequence[float] | np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the means of `values` (N,) under the weights of `resamples`."""
    low, high = np.percentile(weights @ np.asarray(values, np.float64), (2.5, 97.5))
    return float(low), float(high)
