"""Clips that are folders of pictures, in the natural order of their names."""

import contextlib
import os
import re
from collections.abc import Generator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from vinf_jax.media.footage import BadClip, Footage

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".webp")
_DEEP = ("I", "F")  # first letters of Pillow's modes with more than 8 bits
_LYING = (5, 6, 7, 8)  # orientations whose width is the picture's height


def natural(name: str) -> tuple[list[str | int], str]:
    """A sorting key that puts frame 9 before frame 10, as natsort does."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if n % 2 else part for n, part in enumerate(parts)], name


def pictures(folder: Path) -> list[str]:
    """The names of a folder's pictures in natural order; other files do not matter."""
    names = (name for name in os.listdir(folder) if name.lower().endswith(SUFFIXES))
    return sorted((name for name in names if not name.startswith(".")), key=natural)


def probe(folder: Path) -> Footage:
    """Counts the pictures and opens the first.

    Raises:
        BadClip: there is none, or it cannot be opened.
    """
    names = _listed(folder)
    if not names:
        raise BadClip("holds no pictures")
    with opened(folder / names[0]) as picture:
        width, height = size(picture)
        return Footage(len(names), height, width)


def read(folder: Path, footage: Footage, start: int, count: int) -> np.ndarray:
    """Pictures start .. start + count - 1, uint8 F H W 3.

    Raises:
        BadClip: a picture cannot be read, has another size, or there are fewer by now.
    """
    names = _listed(folder)[start : start + count]
    if len(names) < count:
        raise BadClip(f"has fewer pictures than the {footage.frames} that it had")
    out = np.empty((count, footage.height, footage.width, 3), np.uint8)
    for row, name in zip(out, names, strict=True):
        with opened(folder / name) as picture:
            width, height = size(picture)
            if (width, height) != (footage.width, footage.height):
                raise BadClip(
                    f"changes in size: {name} is {width}x{height}, "
                    f"the first {footage.width}x{footage.height}"
                )
            row[:] = pixels(picture)
    return out


def size(picture: Image.Image) -> tuple[int, int]:
    """Width and height, upright as its camera noted; nothing is decoded."""
    width, height = picture.size
    lies = picture.getexif().get(ExifTags.Base.Orientation, 1) in _LYING
    return (height, width) if lies else (width, height)


def pixels(picture: Image.Image) -> np.ndarray:
    """uint8 (H, W, 3), upright as its camera noted."""
    return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def _listed(folder: Path) -> list[str]:
    try:
        return pictures(folder)
    except OSError as error:
        raise BadClip(f"cannot be read: {error.strerror}") from error


@contextlib.contextmanager
def opened(path: Path) -> Generator[Image.Image]:
    """A picture as Pillow's.

    Raises:
        BadClip: it cannot be read, also where that shows inside the block.
    """
    try:
        with Image.open(path) as picture:
            if picture.mode.startswith(_DEEP):
                raise BadClip(f"{path.name} has more than 8 bits a channel ({picture.mode})")
            yield picture
    except BadClip:
        raise
    except (OSError, SyntaxError, EOFError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or "it is no picture or damaged"
        raise BadClip(f"{path.name} cannot be read: {reason}") from error
