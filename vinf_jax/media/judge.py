"""Read the facts of a sprite video back from its frames, by measurement.

Nothing here is learnt and nothing is asked of the program that made the frames. What stands out
from the background by its hue is the sprite; its colour is the nearest of the world's colours; its
shape is the template, over all rotations, that fits best after centring and scaling; its movement
is the path of its centre on the torus and of its angle. The soft edges of a small autoencoder, some
noise and other frame sizes do not matter.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from vinf_jax.media import drawing, silhouette
from vinf_jax.media.captions import PATTERNS, Facts

_STANDS_OUT = 45.0  # least distance in hue (levels of 255) between a sprite and its background
_AREAS = (0.03, 0.35)  # the part of the frame that a sprite can cover
_NEAR_COLOUR = 90.0  # levels; farther from every known colour than this is no colour
_NEAR_BACKGROUND = 60.0
_TONE = drawing.TONE * 0.4  # weaker patterns than this are plain
_SLOW = 0.05  # frames a second; what is slower stands still
_SLOW_TURN = float(np.radians(20))  # a second
_STEADY = 0.8  # the part of a path's variance that a constant speed must explain
_HOP = 0.03  # frames; the least deviation of a bouncing height
_PIXELS = 1 << 20  # measured at once

Names = tuple[str | None, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """What the judge saw, frame by frame; None (nan in the tracks) where it saw nothing it knows.

    Attributes:
      colour, shape, background, pattern: one name a frame.
      x, y: the sprite's centre in fractions of the frame, from 0 to 1, one a frame.
      angle: radians, clockwise, up to the shape's symmetry, one a frame.
      fps: frames per second.
    """

    colour: Names
    shape: Names
    background: Names
    pattern: Names
    x: np.ndarray
    y: np.ndarray
    angle: np.ndarray
    fps: int | float

    def part(self, start: int, stop: int) -> "Reading":
        """The reading of frames start to stop alone, for videos whose prompt changes."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        fps = values.pop("fps")
        return Reading(**{name: track[start:stop] for name, track in values.items()}, fps=fps)

    @functools.cached_property
    def motion(self) -> str | None:
        """The motion of these frames together, None if it is none of the world's motions."""
        return _motion(self)

    def most(self, name: str) -> str | None:
        """The name that a field has in most frames ('colour', ...), or the motion."""
        if name == "motion":
            return self.motion
        names = getattr(self, name)
        return max(dict.fromkeys(names), key=names.count)


def judge(frames: np.ndarray, *, fps: int | float = 8.0) -> Reading:
    """Read a video.

    Args:
      frames: uint8 F H W 3, any size.
      fps: frames per second; only the motion depends on it.

    Raises:
      ValueError: if the frames are not such an array.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not frames.size:
        raise ValueError(
            f"frames are {frames.dtype} of shape {frames.shape}; the judge reads uint8 F H W 3"
        )
    step = max(1, _PIXELS // (frames.shape[1] * frames.shape[2]))
    return _joined([_read(frames[i : i + step], fps) for i in range(0, len(frames), step)])


def score(reading: Reading, facts: Facts) -> dict[str, float | bool]:
    """For every fact that was spoken, the fraction of the frames that show it.

    For the motion: whether the frames together do.
    """
    shares = {
        name: _share(reading, name, value) for name, value in _spoken(facts) if name != "motion"
    }
    return shares | ({"motion": reading.motion == facts.motion} if facts.motion else {})


def verdict(reading: Reading, facts: Facts) -> dict[str, bool]:
    """For every fact that was spoken, whether it is what most frames show."""
    return {name: reading.most(name) == value for name, value in _spoken(facts)}


def kept(frames: np.ndarray, clip: int) -> dict[str, bool]:
    """Of "colour" and "shape", whether every piece of `clip` frames shows, in most of its frames,
    the one that the first piece does. frames: uint8 F H W 3."""
    seen = [judge(frames[n : n + clip]) for n in range(0, len(frames), clip)]
    names = {fact: [reading.most(fact) for reading in seen] for fact in ("colour", "shape")}
    return {fact: bool(said[0]) and len(set(said)) == 1 for fact, said in names.items()}


def keeps(frames: np.ndarray, clip: int) -> bool:
    """Whether colour and shape are kept; see `kept`."""
    return all(kept(frames, clip).values())


def _share(reading: Reading, name: str, value: str) -> float:
    return getattr(reading, name).count(value) / len(reading.x)


def _spoken(facts: Facts) -> list[tuple[str, str]]:
    return [item for item in dataclasses.asdict(facts).items() if item[1] is not None]


def _read(frames: np.ndarray, fps: int | float) -> Reading:
    rgb = frames.astype(np.float32)
    contrast, strength = _contrast(rgb)
    mask = np.clip((contrast - 0.3) / 0.4, 0, 1)
    area = mask.mean((1, 2))
    seen = (strength > _STANDS_OUT) & (area > _AREAS[0]) & (area < _AREAS[1])
    x, y = silhouette.centre(mask)
    shape, angle = silhouette.match(mask, x, y)
    inside = (contrast > 0.8).astype(np.float32)
    behind = np.where(seen[:, None, None], contrast < 0.25, True).astype(np.float32)
    colour = _nearest(_mean_rgb(rgb, inside), drawing.COLOUR_RGB, _NEAR_COLOUR)
    return Reading(
        colour=_where(seen, colour),
        shape=_where(seen, shape),
        background=_nearest(_mean_rgb(rgb, behind), drawing.BACKGROUND_RGB, _NEAR_BACKGROUND),
        pattern=_pattern(rgb.mean(-1), behind),
        x=np.where(seen, x / mask.shape[2], np.nan),
        y=np.where(seen, y / mask.shape[1], np.nan),
        angle=np.where(seen, angle, np.nan),
        fps=fps,
    )


def _joined(parts: list[Reading]) -> Reading:
    def names(field: str) -> Names:
        return tuple(name for part in parts for name in getattr(part, field))

    return Reading(
        colour=names("colour"),
        shape=names("shape"),
        background=names("background"),
        pattern=names("pattern"),
        x=np.concatenate([part.x for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        angle=np.concatenate([part.angle for part in parts]),
        fps=parts[0].fps,
    )


def _contrast(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far every pixel's hue is from the background's: F H W, 1 in the sprite; levels of 1: F.

    The background's hue is the median, since it covers most of the frame.
    """
    hue = rgb - rgb.mean(-1, keepdims=True)
    flat = hue.reshape(len(rgb), -1, 3)
    distance = np.linalg.norm(flat - np.median(flat, axis=1, keepdims=True), axis=-1)
    rank = int(0.96 * distance.shape[1])  # the smallest sprite covers more than these 4 %
    strength = np.partition(distance, rank, axis=1)[:, rank]
    return (distance / np.maximum(strength, 1)[:, None]).reshape(rgb.shape[:3]), strength


def _mean_rgb(rgb: np.ndarray, weight: np.ndarray) -> np.ndarray:
    total = np.einsum("fhwc,fhw->fc", rgb, weight)
    return total / np.maximum(weight.sum((1, 2)), 1)[:, None]


def _nearest(rgb: np.ndarray, known: dict, limit: float) -> Names:
    distance = np.linalg.norm(rgb[:, None] - np.asarray(list(known.values())), axis=-1)
    names = [tuple(known)[i] for i in distance.argmin(1)]
    return _where(distance.min(1) < limit, names)


def _where(good: np.ndarray, names: Sequence[str | None]) -> Names:
    return tuple(name if ok else None for name, ok in zip(names, good, strict=True))


def _pattern(light: np.ndarray, behind: np.ndarray) -> Names:
    """The pattern that explains the background's tones best, plain if none does."""
    count = np.maximum(behind.sum((1, 2)), 1)
    light = (light - ((light * behind).sum((1, 2)) / count)[:, None, None]) * behind
    signs = [drawing.pattern_sign(name, *light.shape[1:]) for name in PATTERNS[1:]]
    tones = [abs((light * sign).sum((1, 2))) / count for sign in signs]
    tones.insert(0, np.full_like(count, _TONE))
    return tuple(PATTERNS[i] for i in np.argmax(tones, axis=0))


def _motion(reading: Reading) -> str | None:
    """From the path of the centre and of the angle; needs four frames with a sprite."""
    seen = np.isfinite(reading.x)
    time = np.flatnonzero(seen) / reading.fps
    if len(time) < 4:
        return None
    right, steady_x, spread_x = _line(time, np.unwrap(reading.x[seen], period=1))
    down, steady_y, spread_y = _line(time, np.unwrap(reading.y[seen], period=1))
    if abs(right) > max(_SLOW, abs(down)) and steady_x > _STEADY:
        return "moves right" if right > 0 else "moves left"
    if abs(down) > max(_SLOW, abs(right)) and steady_y > _STEADY:
        return "moves down" if down > 0 else "moves up"
    if spread_y > max(_HOP, 2 * spread_x):
        return "bounces"
    if max(spread_x, spread_y) > _HOP:
        return None
    return "turns" if _turns(reading) else "rests"


def _turns(reading: Reading) -> bool:
    shape = reading.most("shape")
    same = np.asarray([name == shape for name in reading.shape]) & np.isfinite(reading.angle)
    if shape is None or same.sum() < 4:
        return False
    angle = np.unwrap(reading.angle[same], period=2 * np.pi / silhouette.SYMMETRY[shape])
    speed, steady, _ = _line(np.flatnonzero(same) / reading.fps, angle)
    return abs(speed) > _SLOW_TURN and steady > _STEADY


def _line(time: np.ndarray, path: np.ndarray) -> tuple[float, float, float]:
    """A path's mean speed, the part of its variance that this speed explains, its deviation."""
    time, path = time - time.mean(), path - path.mean()
    speed = (time @ path) / (time @ time)
    explained = (speed**2 * (time @ time)) / max(path @ path, 1e-12)
    return float(speed), float(explained), float(path.std())
