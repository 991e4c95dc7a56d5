"""Tiny videos and folders of pictures, every frame another noise."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image


def noise(frames: int, height: int = 24, width: int = 32, seed: int = 0) -> np.ndarray:
    """uint8 F H W 3, coarse, so that codecs leave it different from frame to frame."""
    coarse = np.random.default_rng(seed).integers(
        256, size=(frames, height // 8, width // 8, 3), dtype=np.uint8
    )
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def write_video(
    path: Path,
    frames: int = 20,
    *,
    codec: str = "mpeg4",
    ticks: range | tuple[int, ...] | None = None,
    form: str | None = None,
    sides: tuple[int, int] = (24, 32),
    seed: int = 0,
    **options: str,
) -> Path:
    """A video file; `ticks` are the frames' times in 1/25 s, one after another unless given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=form) as file:
        stream = file.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = sides
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        pictures = noise(frames, *sides, seed=seed)
        for tick, picture in zip(ticks or range(frames), pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = tick
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def write_pictures(folder: Path, frames: int = 20, *, name: str = "{}.png", seed: int = 0) -> Path:
    """A folder of pictures, numbered without leading zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, picture in enumerate(noise(frames, seed=seed)):
        Image.fromarray(picture).save(folder / name.format(n))
    return folder
