"""Flags of the measure of PVDM's long videos, and what runs it."""

import argparse
from pathlib import Path
from typing import Any

from . import folders
from .loading import shipped
from .options import Flag, add_flags, given, refuse
from .progress import Display

SHIPPED = "pvdm_sprites"
ADVICE = "train one (python -m train pvdm_autoencoder, then pvdm_diffusion), or give --checkpoint"
STEPS = (
    *folders.STEPS,
    Flag("candidates", int, "first clips made for each video, of which one begins it"),
)
COUNTS = ("videos", "frames", "together")


def joins(options: argparse.Namespace, troubles: list[str], display: Display) -> Any:
    """`evaluate joins`."""
    counts = {name: getattr(options, name) for name in COUNTS}
    troubles += [f"{name}: {n}; give 1 or more" for name, n in counts.items() if n < 1]
    folder = folder_of(options)
    if not folder.is_dir():
        troubles.append(f"checkpoint: there is no folder {folder}; {ADVICE} FOLDER")
    refuse(troubles)
    from vinf_jax.systems.pvdm import PVDM

    from . import recursions

    how = counts | {"seed": options.seed} | given(options, STEPS)
    return recursions.joins(PVDM.load(folder), display, **how)


def flags(to: argparse.ArgumentParser) -> None:
    """Of `evaluate joins`."""
    to.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="default: the shipped model")
    to.add_argument("--videos", type=int, default=64, help="how many (default: %(default)s)")
    to.add_argument("--frames", type=int, default=128, help="of each (default: %(default)s)")
    to.add_argument(
        "--together", type=int, default=16, help="made at once, from one seed (default: 16)"
    )
    add_flags(to.add_argument_group("sampling (default: the model's own settings)"), STEPS)


def folder_of(options: argparse.Namespace) -> Path:
    """The model's folder: the given one, or the shipped one."""
    return options.checkpoint or shipped(SHIPPED)
