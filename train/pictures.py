"""Pixels in and out of networks, and grids of pictures as PNG files."""

from pathlib import Path

import numpy as np

from vinf_jax.media.sheet import save_png


def to_unit(frames: np.ndarray) -> np.ndarray:
    """uint8 pixels as float32 in [-1, 1]."""
    return frames.astype(np.float32) / 127.5 - 1


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Pictures in [-1, 1] as uint8."""
    return np.clip(np.round((np.asarray(images) + 1) * 127.5), 0, 255).astype(np.uint8)


def save_grid(path: Path, pictures: np.ndarray, columns: int) -> None:
    """Pictures (N, H, W, 3) in rows of `columns`, as a PNG of twice their size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pictures.reshape(-1, columns, *pictures.shape[1:]).swapaxes(1, 2)
    image = rows.reshape(rows.shape[0] * rows.shape[1], -1, 3)
    save_png(path, image.repeat(2, 0).repeat(2, 1), overwrite=True)
