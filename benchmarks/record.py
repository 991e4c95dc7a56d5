"""What every record says beside its figures, and where it is written."""

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vinf_jax import programs
from vinf_jax.programs import Parser

from .watched import machine

HERE = Path(__file__).parent
LIBRARIES = ("jax", "jaxlib", "flax", "numpy", "torch", "diffusers", "transformers")
FIELDS = ("command", "date", "machine", "versions", "results")
LONG = ("runs", "kernels")
"""Fields that are kept but not printed."""
QUIET = 1.0
"""Load average from which what is measured says more about the other work than about ours."""


def parser(program: str, description: str | None, calls: int) -> Parser:
    """The flags that all programs here have."""
    to = programs.parser(f"python -m infer benchmark {program}", description)
    to.add_argument(
        "--out", type=Path, metavar="FILE", help=f"the record (default: benchmarks/{program}.json)"
    )
    to.add_argument(
        "--calls", type=int, default=calls, metavar="N", help="that count (default: %(default)s)"
    )
    to.add_argument(
        "--rehearse",
        action="store_true",
        help="tiny sizes, hardly compiled; nothing is written without --out",
    )
    return to


def parsed(to: Parser, argv: Sequence[str]) -> argparse.Namespace:
    """Raises ValueError for what cannot be measured."""
    options = to.parse_args(list(argv))
    if options.calls < 1:
        raise ValueError(f"calls: {options.calls}; give 1 or more")
    if options.rehearse:
        os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    return options


class Record:
    """A record that is on disk after every part, so that a run that is cut off keeps what it has.

    path: of the file; None keeps it in memory. more: fields beside the results.
    """

    def __init__(self, program: str, argv: Sequence[str], path: Path | None, **more: Any) -> None:
        found = machine()
        self.fields = {
            "command": " ".join(["python -m infer benchmark", program, *map(str, argv)]),
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "machine": found,
            "versions": versions(LIBRARIES),
            **more,
            "results": {},
        }
        self.path = path
        if found["load_average"][0] >= QUIET:
            load = found["load_average"][0]
            print(f"the machine is busy (load {load}): its figures say little", file=sys.stderr)

    def keep(self, name: str, result: Mapping[str, Any]) -> None:
        """Keeps one result, or what there is of it."""
        self.fields["results"][name] = dict(result)
        if self.path:
            self.path.write_text(json.dumps(self.fields, indent=1) + "\n")

    def add(self, name: str, result: Mapping[str, Any]) -> None:
        """Keeps and prints one result."""
        self.keep(name, result)
        shown = {field: value for field, value in result.items() if field not in LONG}
        print(f"{name}: {json.dumps(shown)}", flush=True)


def begin(program: str, argv: Sequence[str], options: argparse.Namespace, **more: Any) -> Record:
    """The record that flags ask for. Folders that were given stand as DIR in its command."""
    path = options.out or (None if options.rehearse else HERE / f"{program}.json")
    words = ["DIR" if Path(word).is_absolute() else word for word in argv]
    return Record(program, words, path, **more)


def versions(names: Sequence[str]) -> dict[str, str]:
    """Of the libraries that are there."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def lacking(names: Sequence[str]) -> list[str]:
    """Which of these are not installed; one line to the reader, if any."""
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if absent:
        print(
            f"{', '.join(absent)} not installed: ours is measured alone; to compare, "
            f"pip install {' '.join(names)}",
            file=sys.stderr,
        )
    return absent
