"""What a checkpoint of PVDM's autoencoder shows: held-out clips and what became of them."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from vinf_jax.media.sheet import spaced
from vinf_jax.media.video import VideoWriter
from vinf_jax.metrics.psnr import psnr
from vinf_jax.training.loop import Metrics

from .curve import psnr_curve
from .pictures import save_grid

SHOWN = 8
"""Frames of each clip in the picture."""


def show(folder: Path, step: int, clips: np.ndarray, made: np.ndarray, fps: float) -> None:
    """Writes, for clips uint8 (N, F, H, W, 3) and their reconstructions, in `folder`:

    samples/step_N.png, a row of each clip and below it of its reconstruction; held_out.mp4, each
    clip beside its reconstruction, one after the other (held_out.npz, the frames themselves, where
    PyAV is not installed); a line of psnr.jsonl, the mean of the clips' PSNR; psnr.png, where
    matplotlib is installed. The second and the last are replaced.
    """
    shown = spaced(clips.shape[1], SHOWN)
    rows = np.stack([clips[:, shown], made[:, shown]], axis=1).reshape(-1, *clips.shape[2:])
    save_grid(folder / "samples" / f"step_{step:06d}.png", rows, len(shown))
    beside = np.concatenate([clips, made], axis=3)
    _write(folder / "held_out", beside.reshape(-1, *beside.shape[2:]), fps)
    values = [psnr(*pair) for pair in zip(clips, made, strict=True)]
    Metrics(folder / "psnr.jsonl", step - 1).write(step, {"psnr": float(np.mean(values))})
    psnr_curve(folder)


def _write(path: Path, frames: np.ndarray, fps: float) -> None:
    if find_spec("av") is None:
        np.savez_compressed(path.with_suffix(".npz"), frames=frames, fps=fps)
        return
    height, width = frames.shape[1:3]
    scale = -(-256 // height)
    scale += scale * height % 2 or scale * width % 2
    with VideoWriter(
        path.with_suffix(".mp4"), fps, height, width, scale=scale, overwrite=True
    ) as video:
        video.write(frames)
