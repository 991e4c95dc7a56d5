"""How often the judge finds in a video what its prompt said, and how sure that is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vinf_jax.media.captions import Facts, parse
from vinf_jax.media.judge import Reading, judge, verdict

Answers = dict[str, bool]

WANTED_CLIPS = {"colour": 0.95, "background": 0.95, "shape": 0.80, "direction": 0.80}
"""What is asked of single clips; a background is its colour and its pattern."""
WANTED_LONG = {"all three": 0.80}
"""What is asked of the frames of long videos."""
WANTED_JOINED = {"both": 0.80}
"""What is asked of videos that are made clip after clip."""
HEADER = ("", "right", "of", "share", "95 % interval", "wanted")


@dataclass(frozen=True)
class Rate:
    """`right` of `total` answers were right."""

    right: int
    total: int
    wanted: float | None = None

    @property
    def share(self) -> float:
        return self.right / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the true rate (Wilson 1927), if the answers are independent."""
        return wilson(self.right, self.total)

    @property
    def reached(self) -> bool:
        """Whether the share is what is wanted; a rate that nobody wants anything of is."""
        return self.wanted is None or self.share >= self.wanted

    def row(self, name: str) -> tuple[str, ...]:
        """Of a table with the columns of `HEADER`."""
        low, high = self.interval
        wanted = (
            "" if self.wanted is None else f"{self.wanted:.0%}" + " missed" * (not self.reached)
        )
        share = f"{self.share:.1%}" if self.total else "-"
        return name, str(self.right), str(self.total), share, f"{low:.1%} to {high:.1%}", wanted

    def record(self) -> dict[str, Any]:
        return {
            "right": self.right,
            "total": self.total,
            "share": self.share if self.total else None,
            "interval": list(self.interval),
            "wanted": self.wanted,
            "reached": self.reached,
        }


def wilson(right: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """The interval of a rate after Wilson (1927); (0, 1) where nothing was asked."""
    if not total:
        return 0.0, 1.0
    share, slack = right / total, z * z / total
    middle = (share + slack / 2) / (1 + slack)
    reach = z / (1 + slack) * math.sqrt(share * (1 - share) / total + slack / total / 4)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def rates(answers: Sequence[Answers], wanted: Mapping[str, float]) -> dict[str, Rate]:
    """The rate of every question, over the answers that hold it."""
    names = dict.fromkeys([*wanted, *(name for answer in answers for name in answer)])
    given = {name: [answer[name] for answer in answers if name in answer] for name in names}
    return {name: Rate(sum(given[name]), len(given[name]), wanted.get(name)) for name in names}


def clip_answers(frames: np.ndarray, prompt: str, fps: float) -> Answers:
    """Whether most frames of a clip show what the prompt says.

    "direction" is the motion of those that move in one, "motion" that of all.

    Args:
        frames: uint8 F H W 3.
    """
    facts = parse(prompt)
    found = verdict(judge(frames, fps=fps), facts)
    answers = {name: found[name] for name in ("colour", "shape", "motion") if name in found}
    grounds = [found[name] for name in ("background", "pattern") if name in found]
    if grounds:
        answers["background"] = all(grounds)
    if facts.motion and facts.motion.startswith("moves"):
        answers["direction"] = answers["motion"]
    return answers


def frame_answers(reading: Reading, facts: Facts) -> list[Answers]:
    """For every frame, whether it shows the colour, shape and background (with its pattern) that
    were spoken of, and "all three": those of them that were."""
    return [
        answers | {"all three": all(answers.values())}
        for answers in (_frame(reading, n, facts) for n in range(len(reading.x)))
    ]


def away(ranges: Sequence[tuple[int, int]], crossfade: int) -> list[tuple[int, int]]:
    """The frames of every range that no cross-fade of `crossfade` frames touches, half open.

    A cross-fade lies evenly around the border of two ranges.
    """
    before, after = crossfade - crossfade // 2, crossfade // 2
    last = len(ranges) - 1
    return [
        (start + after * (n > 0), max(start, stop - before * (n < last)))
        for n, (start, stop) in enumerate(ranges)
    ]


def difference(frames: np.ndarray, other: np.ndarray) -> tuple[int, float]:
    """(worst difference of a value of 255, PSNR in dB) of two videos of uint8 F H W 3."""
    apart = frames.astype(np.int32) - other
    square = float(np.mean(apart**2))
    return int(abs(apart).max()), math.inf if square == 0 else 10 * math.log10(255**2 / square)


def _frame(reading: Reading, n: int, facts: Facts) -> Answers:
    answers = {
        name: getattr(reading, name)[n] == getattr(facts, name)
        for name in ("colour", "shape")
        if getattr(facts, name)
    }
    grounds = [name for name in ("background", "pattern") if getattr(facts, name)]
    if grounds:
        answers["background"] = all(
            getattr(reading, name)[n] == getattr(facts, name) for name in grounds
        )
    return answers
