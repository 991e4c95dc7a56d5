"""How the world of sprites looks: its colours, its shapes by signed distance, its patterns."""

import numpy as np

COLOUR_RGB = {
    "red": (226, 38, 38),
    "green": (38, 186, 66),
    "blue": (44, 72, 236),
    "yellow": (246, 214, 36),
    "magenta": (226, 48, 214),
    "cyan": (36, 208, 226),
}
BACKGROUND_RGB = {
    "black": (32, 32, 32),
    "gray": (122, 122, 122),
    "white": (222, 222, 222),
    "brown": (114, 76, 46),
}
TONE = 28  # patterned backgrounds alternate between this much above and below their colour

# Half of what a shape of size 1 measures across: nearly upright, and at any angle.
REACH = {"circle": 1.06, "square": 1.12, "triangle": 1.46, "cross": 1.28}
REACH_TURNING = 1.46


def coverage(
    shape: str,
    x: np.ndarray,
    y: np.ndarray,
    size: float,
    angle: np.ndarray,
    height: int,
    width: int,
) -> np.ndarray:
    """How much of every pixel a shape covers, drawn from its signed distance with a one-pixel edge.

    Args:
      shape: one of `captions.SHAPES`.
      x, y: the centre in pixels, one a frame; the picture wraps around.
      size: the shape's radius in pixels (all shapes of one size cover about the same area).
      angle: radians, clockwise, one a frame.

    Returns:
      float32 F H W, from 0 to 1.
    """
    dx = _wrapped(np.arange(width) + 0.5 - x[:, None], width)[:, None, :]
    dy = _wrapped(np.arange(height) + 0.5 - y[:, None], height)[:, :, None]
    cos, sin = (turn(angle).astype(np.float32)[:, None, None] for turn in (np.cos, np.sin))
    if shape == "circle":
        distance = np.sqrt(dx * dx + dy * dy) - np.float32(size)
    else:
        distance = _DISTANCES[shape](cos * dx + sin * dy, cos * dy - sin * dx, np.float32(size))
    return np.clip(np.float32(0.5) - distance, 0, 1)


def background(colour: str, pattern: str, height: int, width: int) -> np.ndarray:
    """A background in levels from 0 to 255: float32 H W 3."""
    signs = pattern_sign(pattern, height, width)[..., None]
    return np.asarray(BACKGROUND_RGB[colour], np.float32) + np.float32(TONE) * signs


def pattern_sign(pattern: str, height: int, width: int) -> np.ndarray:
    """Where a pattern lies above (1) and below (-1) its colour, 0 where it is plain: float32 H W.

    Vertical stripes, or checks, a quarter of the shorter side wide (16 of 64 pixels); an even
    number of them, so that they meet at the edges of the torus.
    """
    if pattern == "plain":
        return np.zeros((height, width), np.float32)
    across, down = _tiles(width, height, width), _tiles(height, height, width)
    return np.outer(down if pattern == "checkered" else np.ones(height), across).astype(np.float32)


def _tiles(length: int, height: int, width: int) -> np.ndarray:
    count = 2 * max(1, round(2 * length / min(height, width)))
    return 1 - 2 * ((np.arange(length) * count // length) % 2)


def _wrapped(offsets: np.ndarray, period: int) -> np.ndarray:
    return (offsets - period * np.round(offsets / period)).astype(np.float32)


def _square(u, v, size):
    return np.maximum(np.abs(u), np.abs(v)) - np.float32(0.9) * size


def _triangle(u, v, size):
    sides = np.abs(u) * np.float32(np.sqrt(0.75)) - v * np.float32(0.5)
    return np.maximum(sides, v) - np.float32(0.68) * size


def _cross(u, v, size):
    u, v = np.abs(u), np.abs(v)
    ends, sides = np.maximum(u, v), np.minimum(u, v)
    return np.maximum(ends - np.float32(1.15) * size, sides - np.float32(0.42) * size)


_DISTANCES = {"square": _square, "triangle": _triangle, "cross": _cross}
