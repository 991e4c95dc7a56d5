"""The tree of tensors' names as text: what hangs where, and how much of it."""

import math
import re
from collections.abc import Mapping, Sequence

from .tensors import Shape

FEW = 2
"""Tensors of a layer, weight and bias, that are not worth lines of their own."""
LONGEST = 100
"""Signs of a name that are shown."""
_SEPARATORS = re.compile(r"[./]")
_NUMBER = re.compile(r"[0-9]{1,9}")


def picture(shapes: Mapping[str, Shape], depth: int = 3) -> list[str]:
    """Lines of a tree, `depth` names deep, each with its tensors and its numbers.

    Neighbours that are numbered and alike stand on one line: "0..2  3 x 40 tensors".
    """
    paths = [(_SEPARATORS.split(name), math.prod(shape)) for name, shape in shapes.items()]
    rows = list(_rows(paths, depth, ""))
    width = max((len(left) for left, _ in rows), default=0)
    return [f"{left:<{width}}  {right}" for left, right in rows]


Paths = Sequence[tuple[list[str], int]]


def _rows(paths: Paths, depth: int, before: str) -> list[tuple[str, str]]:
    branches: dict[str, list[tuple[list[str], int]]] = {}
    for (head, *rest), size in paths:
        branches.setdefault(head, []).append((rest, size))
    rows: list[tuple[str, str]] = []
    runs = _runs(branches)
    for n, names in enumerate(runs):
        last = n == len(runs) - 1
        inside = branches[names[0]]
        label = printable(names[0]) if len(names) == 1 else f"{names[0]}..{names[-1]}"
        rows.append((before + ("└─ " if last else "├─ ") + label, _amount(len(names), inside)))
        deeper = [(rest, size) for rest, size in inside if rest]
        if depth > 1 and len(deeper) > FEW:
            rows += _rows(deeper, depth - 1, before + ("   " if last else "│  "))
    return rows


def _runs(branches: Mapping[str, Paths]) -> list[list[str]]:
    """Names in order, those that are counted up and have the same contents together."""

    def order(name: str) -> int:
        return int(name) if _NUMBER.fullmatch(name) else -1

    def contents(name: str) -> list[tuple[str, int]]:
        return sorted((".".join(rest), size) for rest, size in branches[name])

    runs: list[list[str]] = []
    for name in sorted(branches, key=order):
        last = runs[-1][-1] if runs else ""
        counted = _NUMBER.fullmatch(last) and order(name) == order(last) + 1
        if counted and contents(name) == contents(last):
            runs[-1].append(name)
        else:
            runs.append([name])
    return runs


def _amount(count: int, inside: Paths) -> str:
    size = sum(size for _, size in inside)
    times = f"{count} x " if count > 1 else ""
    if len(inside) == 1:
        return f"{times}{size:,}"
    return f"{times}{len(inside)} tensors, {size:,}"


def printable(name: str) -> str:
    """A name from a file as a terminal may show it."""
    shown = name if len(name) <= LONGEST else f"{name[:LONGEST]}..."
    return shown if shown.isprintable() else ascii(shown)
