"""The flags that the programs share, and mistakes on the command line as one message."""

import argparse
from collections.abc import Callable
from pathlib import Path

from vinf_jax import programs
from vinf_jax.programs import Parser

LAYOUTS = ("lvdm", "diffusers", "pvdm")
SOURCE = """\
PATH is a lvdm checkpoint (VideoCrafter2's model.ckpt), a diffusers folder, the folder or file of
one of its components, a .pth of PVDM's autoencoder or diffusion model, a folder with one of each,
or a model folder of this project. What it is decides its content. It may be
on the Hugging Face hub: hf://owner/name or hf://owner/name@revision.
"""


def parser(program: str, description: str | None, notes: str = SOURCE) -> Parser:
    """An empty parser of a program of this folder."""
    return programs.parser(f"python -m convert {program}", description, notes)


def add_source(to: argparse.ArgumentParser, name: str = "path", metavar: str = "PATH") -> None:
    """Where weights are read, and what to do where that leaves a choice."""
    to.add_argument(name, type=Path, metavar=metavar, help="what is read")
    to.add_argument(
        "--layout",
        choices=LAYOUTS,
        help="read only what is of this layout (default: what the content says)",
    )
    to.add_argument("--variant", metavar="NAME", help="of weights in folders, such as fp16")


def add_target(to: argparse.ArgumentParser, help: str) -> None:
    """Where something is written."""
    to.add_argument("target", type=Path, metavar="DST", help=help)
    to.add_argument("--force", action="store_true", help="replace an earlier one that is there")


def refuse_to_replace(
    target: Path, force: bool, source: Path, foreign: Callable[[Path], list[str]]
) -> None:
    """Raises ValueError where the target exists and is not to be replaced, or is the source, a part
    of it or a folder around it.

    foreign: the files of a folder that are no part of what is written here; of a file, whether it
    is none itself.
    """
    if source.exists():
        _refuse_the_source(target, source)
    if not target.exists():
        return
    if not force:
        raise ValueError(f"{target} exists; --force replaces it")
    if not (names := foreign(target)):
        return
    what = f"{target} is a file that"
    if target.is_dir():
        more = f" and {len(names) - 1} more" if names[1:] else ""
        what = f"{target} holds {names[0]}{more}, which"
    raise ValueError(
        f"{what} this program did not write, and --force replaces only what it did; move that "
        "away, or write somewhere else"
    )


def _refuse_the_source(target: Path, source: Path) -> None:
    written, read = target.resolve(), source.resolve()
    if written == read:
        raise ValueError(f"{target} is what is read; write somewhere else")
    if written in read.parents:
        raise ValueError(f"{target} holds {source}, which is read; write somewhere else")
    if read in written.parents:
        raise ValueError(f"{target} lies in {source}, which is read; write somewhere else")
