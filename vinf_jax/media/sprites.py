"""A procedural, seeded world of coloured shapes, to train a text-to-video model without files.

One large shape moves, bounces, turns or rests over a plain or patterned background. The same facts
make the picture and its caption. Everything is measured in fractions of the frame and in seconds,
so any size, length and frame rate shows the same scene: at twice the rate every second frame is the
same picture, and a longer clip begins with the shorter one.

The world is a torus: what leaves on the left comes back on the right, so that a movement can go on
for ever in a long video. Backgrounds stand still and repeat without a seam; their tiles cover two
cells of the latent grid (an eighth of a 64 x 64 picture), always in the same place.
"""

import dataclasses
import functools
import hashlib
import itertools

import numpy as np

from vinf_jax.media.captions import CHOICES, WORDS, Facts, caption, paraphrase, parse
from vinf_jax.media.drawing import COLOUR_RGB, REACH, REACH_TURNING, background, coverage

__all__ = [
    "FPS",
    "WORDS",
    "Facts",
    "caption",
    "clip",
    "combinations",
    "facts_of",
    "held_out_prompts",
    "is_held_out",
    "paraphrase",
    "parse",
    "sample",
]

FPS = 8.0
"""Frames per second, where nobody asks for others."""
_TILT = 0.2  # radians either way, for everything that does not turn
_SPLITS = ("train", "held_out")
_WAYS = {"moves left": (-1, 0), "moves right": (1, 0), "moves up": (0, -1), "moves down": (0, 1)}


@dataclasses.dataclass(frozen=True)
class _Scene:
    """A clip's accidental details: fractions of the frame, seconds and radians."""

    x: float
    y: float
    size: float  # in shorter sides
    velocity: np.ndarray
    tilt: float
    spin: float
    rise: float
    period: float
    phase: float


@functools.cache
def combinations(split: str | None = None) -> tuple[Facts, ...]:
    """All complete facts, or those of one split ('train', 'held_out'); circles do not turn."""
    if split is not None:
        _check_split(split)
        return tuple(
            facts for facts in combinations() if is_held_out(facts) == (split == "held_out")
        )
    every = itertools.product(*CHOICES.values())
    return tuple(
        Facts(*values) for values in every if not (values[1] == "circle" and values[4] == "turns")
    )


def is_held_out(facts: Facts) -> bool:
    """Whether training never sees these facts together: one combination in ten, by a fixed hash."""
    return int.from_bytes(hashlib.sha256(caption(facts).encode()).digest()[:4]) % 10 == 0


def held_out_prompts(count: int, seed: int = 0) -> list[str]:
    """Canonical captions of different held-out facts, all motions in turn.

    At least half of them move in a direction, however many there are.

    Raises:
      ValueError: if there are not that many.
    """
    rng = np.random.default_rng(seed)
    order = ("moves left", "turns", "moves right", "bounces", "moves up", "rests", "moves down")
    groups = [
        [facts for facts in combinations("held_out") if facts.motion == motion] for motion in order
    ]
    most = len(groups) * min(len(group) for group in groups)
    if not 0 <= count <= most:
        raise ValueError(
            f"count is {count}; there are between 0 and {most} held-out prompts of balanced motion"
        )
    shuffled = [[group[i] for i in rng.permutation(len(group))] for group in groups]
    return [caption(shuffled[i % len(order)][i // len(order)]) for i in range(count)]


def sample(
    seed: int,
    index: int,
    *,
    split: str = "train",
    frames: int = 16,
    height: int = 64,
    width: int = 64,
    fps: int | float = FPS,
    reshaped: bool = False,
) -> tuple[Facts, str, np.ndarray]:
    """The index-th clip of an endless data set; half of the captions are canonical.

    Args:
      seed, index: 0 or more; together with the split they decide everything else.
      split: 'train', or 'held_out' for the combinations of facts that training never sees.
      frames, height, width, fps: the clip's length and size, and its frames per second.
      reshaped: the same clip in another shape, so far as the split has one.

    Returns:
      The facts, a caption that may leave some of them out, and uint8 frames, F H W 3.
    """
    facts, rng, words, details = _begun(seed, index, split, reshaped)
    text = caption(facts) if rng.random() < 0.5 else paraphrase(facts, words)
    return (
        facts,
        text,
        clip(facts, seed=details, frames=frames, height=height, width=width, fps=fps),
    )


def facts_of(seed: int, index: int, *, split: str = "train", reshaped: bool = False) -> Facts:
    """What `sample` draws, not drawn."""
    return _begun(seed, index, split, reshaped)[0]


def _begun(
    seed: int, index: int, split: str, reshaped: bool
) -> tuple[Facts, np.random.Generator, int, int]:
    """The facts, what the caption's kind is to be drawn from, and seeds of its words and of the
    clip's details."""
    _check_split(split)
    rng = np.random.default_rng((seed, index, _SPLITS.index(split)))
    choices = combinations(split)
    facts = choices[rng.integers(len(choices))]
    words, details = (int(number) for number in rng.integers(2**31, size=2))
    return (_reshaped(facts, split, details) if reshaped else facts), rng, words, details


def _reshaped(facts: Facts, split: str, number: int) -> Facts:
    """These facts with one of the other shapes that the split has with them, or as they are."""
    alike = _alike(split)[dataclasses.replace(facts, shape=None)]
    others = [other for other in alike if other != facts]
    return others[number % len(others)] if others else facts


@functools.cache
def _alike(split: str) -> dict[Facts, list[Facts]]:
    """The facts of a split by what they are without a shape."""
    found: dict[Facts, list[Facts]] = {}
    for facts in combinations(split):
        found.setdefault(dataclasses.replace(facts, shape=None), []).append(facts)
    return found


def clip(
    facts: Facts,
    *,
    seed: int | tuple[int, ...] = 0,
    frames: int = 16,
    height: int = 64,
    width: int = 64,
    fps: int | float = FPS,
) -> np.ndarray:
    """Draw the facts; place, size, speed, tilt and phase come from the seed.

    Returns:
      uint8 frames, F H W 3.

    Raises:
      ValueError: if a fact is missing, or a number is not positive.
    """
    numbers = {"frames": frames, "height": height, "width": width, "fps": fps}
    trouble = [
        f"{name} is {value}; it must be more than 0"
        for name, value in numbers.items()
        if value <= 0
    ]
    trouble += [
        f"{name} is not given; choose {', '.join(CHOICES[name])}" for name in facts.unspoken()
    ]
    if trouble:
        raise ValueError("the clip cannot be drawn: " + "; ".join(trouble))
    scene = _scene(facts, np.random.default_rng(seed), height, width)
    x, y, angle = _tracks(scene, np.arange(frames) / fps)
    size = scene.size * min(height, width)
    cover = coverage(str(facts.shape), x * width, y * height, size, angle, height, width)
    colour = np.asarray(COLOUR_RGB[str(facts.colour)], np.float32)
    ground = background(str(facts.background), str(facts.pattern), height, width)
    picture = ground + cover[..., None] * (colour - ground)
    return (picture + np.float32(0.5)).astype(np.uint8)


def _check_split(split: str) -> None:
    if split not in _SPLITS:
        raise ValueError(f"split is {split!r}; choose one of {', '.join(_SPLITS)}")


def _scene(facts: Facts, rng: np.random.Generator, height: int, width: int) -> _Scene:
    """Draw the details; what does not travel along an axis stays clear of that axis's edges."""
    x, y, size, speed, tilt, period, rise, phase = rng.random(8)
    spin = rng.choice((-1, 1)) * (0.4 + 0.2 * speed) * np.pi
    size, rise = (10.5 + 3.5 * size) / 64, 0.18 + 0.07 * rise
    reach = REACH_TURNING if facts.motion == "turns" else REACH[str(facts.shape)]
    reach *= size * min(height, width)
    left, bottom = reach / width, reach / height
    top = bottom + (rise if facts.motion == "bounces" else 0)
    way = _WAYS.get(str(facts.motion), (0, 0))
    return _Scene(
        x=x if way[0] else left + x * (1 - 2 * left),
        y=y if way[1] else top + y * (1 - top - bottom),
        size=size,
        velocity=(0.14 + 0.14 * speed) * np.asarray(way),
        tilt=(2 * tilt - 1) * _TILT,
        spin=spin if facts.motion == "turns" else 0.0,
        rise=rise if facts.motion == "bounces" else 0.0,
        period=1.3 + 0.3 * period,
        phase=phase,
    )


def _tracks(scene: _Scene, time: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x and y in fractions of the frame (not wrapped) and the angle, at times in seconds."""
    x, y = np.stack([scene.x, scene.y])[:, None] + scene.velocity[:, None] * time
    hop = scene.rise * np.abs(np.sin(np.pi * (time / scene.period + scene.phase)))
    return x, y - hop, scene.tilt + scene.spin * time
