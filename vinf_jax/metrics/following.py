"""Whether a long video of the sprites' world stays with its prompts, as the judge reads it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vinf_jax.media.captions import Facts
from vinf_jax.media.judge import Reading, score
from vinf_jax.metrics.parts import pieces


class Scene(NamedTuple):
    """Frames start to stop - 1, which show what one prompt says."""

    start: int
    stop: int
    facts: Facts

    @property
    def range(self) -> tuple[int, int]:
        return self.start, self.stop


def identity(reading: Reading, scenes: Sequence[Scene]) -> list[list[float]]:
    """For every scene, with how many of its other seconds each second shares colour and shape, as
    most frames show them, from 0 to 1; whether they are those of the prompt is not asked.

    All are compared with all, since a first second that is misread would cost all others. A second
    in which nothing is seen shares with none; a single one has none to share with.
    """
    seconds = pieces([scene.range for scene in scenes], max(1, round(reading.fps)))
    return [_shared([_thing(reading.part(*second)) for second in part]) for part in seconds]


def following(reading: Reading, scenes: Sequence[Scene], window: int) -> list[list[float]]:
    """For every scene, how much each window of it shows of what was said, from 0 to 1: the mean of
    the facts spoken of, each the share of frames that show it, the motion 0 or 1; all of nothing.

    window: frames; enough to tell the motions apart, as those of a training clip are. What is left
    over at the end of a scene does not count.
    """
    return [
        [_share(part, scene.facts) for part in parts]
        for scene, parts in _windows(reading, scenes, window)
    ]


def moving(reading: Reading, scenes: Sequence[Scene], window: int) -> list[list[float]]:
    """For every scene, 1 for each window in which the motion is the one that was said, 0 for each
    other; of a scene of whose motion nothing was said, none. window: as in `following`."""
    return [
        [float(part.motion == scene.facts.motion) for part in parts]
        for scene, parts in _windows(reading, scenes, window)
        if scene.facts.motion
    ]


def _windows(
    reading: Reading, scenes: Sequence[Scene], window: int
) -> Iterator[tuple[Scene, list[Reading]]]:
    ranges = pieces([scene.range for scene in scenes], window)
    for scene, part in zip(scenes, ranges, strict=True):
        yield scene, [reading.part(*range_) for range_ in part]


def _thing(reading: Reading) -> tuple[str | None, str | None]:
    return reading.most("colour"), reading.most("shape")


def _shared(things: Sequence[tuple[str | None, str | None]]) -> list[float]:
    others = len(things) - 1
    return [(things.count(it) - 1) / others if None not in it else 0.0 for it in things if others]


def _share(reading: Reading, facts: Facts) -> float:
    found = score(reading, facts)
    return sum(map(float, found.values())) / len(found) if found else 1.0
