"""Inception score (Salimans et al., arXiv 1606.03498): exp(mean KL(p(y|x) || p(y))).

On UCF-101 the classifier is C3D. Both published protocols average groups of clips, and estimate
p(y) in each group by itself, so a figure depends on how many clips a group has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Protocol:
    """How clips are grouped.

    groups: how many groups at most. fresh: every group has as many clips as are asked for;
    otherwise that many are shared out among the groups.
    """

    name: str
    groups: int
    fresh: bool

    def ends(self, clips: int, available: int) -> list[int]:
        """Where the groups end, in the order of clips.

        clips: of each group if `fresh`, otherwise of all of them. available: how many there are.

        Raises:
            ValueError: too few.
        """
        if self.fresh:
            count = min(self.groups, available // max(clips, 1))
            least, total, ends = 1, clips, [clips * (n + 1) for n in range(count)]
        else:
            ends = [clips * (n + 1) // self.groups for n in range(self.groups)]
            least, total = self.groups, clips
        if clips < least or available < total:
            raise ValueError(
                f"clips is {clips}, of {available} that there are; {self.name} needs {least} or "
                "more, and no more than there are"
            )
        return ends


PUBLISHED = 2048
"""Clips that both protocols are published with."""
TGANV2 = Protocol("tganv2", 10, fresh=True)
"""scripts/compute_inception_score.py of github.com/pfnet-research/tgan2: 10 times 2,048 clips."""
STYLEGANV = Protocol("styleganv", 10, fresh=False)
"""isv2048_ucf of github.com/universome/stylegan-v: groups of 204 or 205 clips, hence lower."""
PROTOCOLS = {protocol.name: protocol for protocol in (TGANV2, STYLEGANV)}


class Score:
    """Inception score of clips that come a few at a time; each group keeps three sums.

    `score.add(logits)` until all `total` clips were there, then `score.result()`. ends: where the
    groups end, of `Protocol.ends`.
    """

    def __init__(self, ends: Sequence[int]) -> None:
        self.total, self.groups, self.count = ends[-1], len(ends), 0
        self._ends = list(ends)
        self._sums = [_Group() for _ in ends]

    def add(self, logits: np.ndarray) -> None:
        """The next clips, (N, classes), before softmax.

        Raises:
            ValueError: more clips than were promised, or numbers that are not finite.
        """
        if self.count + len(logits) > self.total:
            raise ValueError(f"{self.count + len(logits)} clips came, {self.total} were promised")
        if not np.isfinite(logits).all():
            raise ValueError(f"logits of clips {self.count} and behind are not finite")
        for p in probabilities(logits):
            group = int(np.searchsorted(self._ends, self.count, side="right"))
            self._sums[group].add(p)
            self.count += 1

    def result(self) -> tuple[float, float]:
        """(mean, standard deviation) over the groups.

        Raises:
            ValueError: clips are missing.
        """
        if self.count < self.total:
            raise ValueError(f"{self.count} clips came, {self.total} were promised")
        scores = [group.score() for group in self._sums]
        return float(np.mean(scores)), float(np.std(scores))


class _Group:
    """exp((sum of sum p log p) / N - sum m log m), m the mean of all p."""

    def __init__(self) -> None:
        self._count, self._certainty, self._sum = 0, 0.0, np.zeros(())

    def add(self, p: np.ndarray) -> None:
        self._count += 1
        self._certainty += negentropy(p)
        self._sum = self._sum + p

    def score(self) -> float:
        return float(np.exp(self._certainty / self._count - negentropy(self._sum / self._count)))


def negentropy(p: np.ndarray) -> float:
    """The sum of p log p, where 0 log 0 is 0 (the public code adds 1e-20 to every p)."""
    return float(np.sum(p * np.log(np.where(p > 0, p, 1))))


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, in float64."""
    wide = np.asarray(logits, np.float64)
    powers = np.exp(wide - wide.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
