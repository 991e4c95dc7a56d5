"""Flags of the programs that work on jobs: files, devices, going on."""

import argparse
from pathlib import Path

from .outputs import Outputs, target_troubles


def add_devices(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("devices")
    group.add_argument(
        "--clips",
        type=int,
        default=1,
        metavar="N",
        help="pieces of time, one per device (default: 1)",
    )
    group.add_argument(
        "--guidance-groups",
        type=int,
        default=1,
        metavar="N",
        help="2: the halves of guidance on two groups of devices (default: 1)",
    )
    group.add_argument(
        "--deterministic",
        action="store_true",
        help="GPU kernels that give the same bits every time, at some cost of speed",
    )


def add_files(to: argparse.ArgumentParser, out: str | None, default: str) -> None:
    """out: the video where none is named; `default` says it."""
    group = to.add_argument_group("files")
    group.add_argument(
        "--out",
        type=Path,
        default=None if out is None else Path(out),
        metavar="FILE",
        help=f"the video (default: {default})",
    )
    group.add_argument(
        "--job",
        type=Path,
        metavar="FOLDER",
        help="where it is made, state and latents (default: out/video.job for out/video.mp4)",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on with the job in that folder; begin it if there is none",
    )
    group.add_argument(
        "--save-every",
        type=int,
        default=5,
        metavar="K",
        help="save the sampler's state every K steps; 0: only finished waves (default: 5)",
    )
    group.add_argument(
        "--keep-job",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep the job's folder, to extend or retake the video (default: yes)",
    )
    group.add_argument("--force", action="store_true", help="replace files that are there")
    group.add_argument(
        "--scale",
        type=int,
        metavar="N",
        help="enlarge by a whole factor (default: to 256 pixels or more)",
    )
    group.add_argument(
        "--preview", action="store_true", help="now and then write OUT.preview.png on the way"
    )


def file_troubles(options: argparse.Namespace, files: list[Outputs]) -> list[str]:
    """Why the files cannot be written; those of a job that is gone on with may be there."""
    found = []
    if options.save_every < 0:
        found.append(f"save-every: {options.save_every}; give 0 or more steps")
    for each in files:
        ours = options.resume and (each.job / "manifest.json").exists()
        targets = [*each.all, *([each.preview] if options.preview else [])]
        found += target_troubles(targets, options.force or ours)
    return found
