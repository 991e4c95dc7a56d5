"""Contact sheets: a video at one glance, as a PNG. Pillow is imported when needed."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.media.target import replacing

CELL = 144
"""Frames are brought to about this many pixels of width, by a whole factor."""
MARGIN, GAP = 24, 8
INK, GRAY, PAPER = (32, 33, 36), (118, 120, 126), (252, 252, 250)
TITLE, CAPTION, LABEL = 22, 17, 12


def spaced(total: int, count: int) -> list[int]:
    """Up to `count` frame numbers of a video of `total` frames, evenly spaced, ends included."""
    return [int(n) for n in np.unique(np.linspace(0, total - 1, min(count, total)).round())]


def sheet(
    frames: np.ndarray,
    numbers: Sequence[int],
    fps: int | float | None,
    *,
    captions: Sequence[str] = (),
    title: str = "",
    columns: int = 8,
) -> np.ndarray:
    """Chosen frames in rows, each with its number and time below.

    Args:
        frames: uint8 (F, H, W, 3), the frames to show.
        numbers: their F frame numbers in the video.
        fps: frames per second of the video, for the times; None leaves the times out.
        captions: F texts, say the prompt at each frame, or none. Neighbours of the same caption
            share a heading, and a new caption starts a new row.
        title: heading of the whole sheet.
        columns: frames per row at most.

    Returns:
        The picture, uint8 (rows, columns, 3).

    Raises:
        ValueError: lengths that differ, or no frames.
    """
    _check(frames, numbers, captions, fps, columns)
    cells = [_cell(frame) for frame in frames]
    plan = _rows(captions or [""] * len(cells), columns)
    across = max(row.stop - row.start for _, row in plan)
    width = 2 * MARGIN + across * (cells[0].width + GAP) - GAP
    strips = [_text(title, TITLE, width)] if title else []
    for caption, row in plan:
        strips += [_text(caption, CAPTION, width)] if caption else []
        strips.append(_row(cells[row], numbers[row], fps, width))
    return np.asarray(_stacked(strips, width))


def save_png(path: str | Path, image: np.ndarray, *, overwrite: bool = False) -> None:
    """Writes uint8 (H, W, 3) as PNG; the file appears whole or not at all.

    Raises:
        OSError: as `vinf_jax.media.target.check_target`.
    """
    with replacing(path, overwrite) as temporary:
        _pillow().fromarray(image).save(temporary, format="PNG", optimize=True)


def _rows(captions: Sequence[str], columns: int) -> list[tuple[str, slice]]:
    """(caption to put above or "", frames) of every row; rows of one caption are equally long."""
    rows, start = [], 0
    for caption, group in itertools.groupby(captions):
        stop = start + len(list(group))
        count = -(-(stop - start) // columns)
        ends = [start + (stop - start) * n // count for n in range(count + 1)]
        rows += [("", slice(*pair)) for pair in itertools.pairwise(ends)]
        rows[-count] = (caption, rows[-count][1])
        start = stop
    return rows


def _cell(frame: np.ndarray) -> Any:
    """The frame enlarged pixel by pixel, or shrunk by averages, to about CELL pixels of width."""
    width = frame.shape[1]
    if width > CELL:
        return _pillow().fromarray(frame).reduce(max(1, round(width / CELL)))
    scale = max(1, round(CELL / width))
    return _pillow().fromarray(frame.repeat(scale, axis=0).repeat(scale, axis=1))


def _row(cells: Sequence[Any], numbers: Sequence[int], fps: int | float | None, width: int) -> Any:
    """A strip of frames with labels under them."""
    strip, pen = _canvas(width, cells[0].height + LABEL + GAP + 2)
    for n, (cell, number) in enumerate(zip(cells, numbers, strict=True)):
        left = MARGIN + n * (cell.width + GAP)
        strip.paste(cell, (left, 0))
        below = cell.height + 3
        pen.text((left, below), f"{number}", INK, _font(LABEL))
        time = f"{number / fps:.2f} s" if fps else ""
        pen.text((left + cell.width, below), time, GRAY, _font(LABEL), anchor="ra")
    return strip


def _text(text: str, size: int, width: int) -> Any:
    """A strip of text, wrapped to the width."""
    lines = _wrapped(text, size, width - 2 * MARGIN)
    height = round(1.3 * size)
    strip, pen = _canvas(width, height * len(lines) + GAP)
    for n, line in enumerate(lines):
        pen.text((MARGIN, GAP + n * height), line, INK, _font(size))
    return strip


def _wrapped(text: str, size: int, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _font(size).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _stacked(strips: Sequence[Any], width: int) -> Any:
    height = 2 * MARGIN + sum(strip.height + GAP for strip in strips) - GAP
    image, _ = _canvas(width, height)
    top = MARGIN
    for strip in strips:
        image.paste(strip, (0, top))
        top += strip.height + GAP
    return image


def _canvas(width: int, height: int) -> tuple[Any, Any]:
    from PIL import ImageDraw

    image = _pillow().new("RGB", (width, height), PAPER)
    return image, ImageDraw.Draw(image)


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _pillow() -> Any:
    from PIL import Image

    return Image


def _check(
    frames: np.ndarray,
    numbers: Sequence[int],
    captions: Sequence[str],
    fps: int | float | None,
    columns: int,
) -> None:
    troubles = []
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not len(frames):
        troubles.append(f"frames are {frames.dtype} {frames.shape}; uint8 (F, H, W, 3) is needed")
    if len(numbers) != len(frames):
        troubles.append(f"{len(numbers)} numbers for {len(frames)} frames")
    if captions and len(captions) != len(frames):
        troubles.append(f"{len(captions)} captions for {len(frames)} frames; give one each or none")
    if fps is not None and fps <= 0:
        troubles.append(f"fps is {fps}; it must be above 0")
    if columns < 1:
        troubles.append(f"columns is {columns}; it must be 1 or more")
    if troubles:
        raise ValueError("the contact sheet cannot be made: " + "; ".join(troubles))
