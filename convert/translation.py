"""From what others stored to arrays of ours: every tensor is read, kept or left out, and every
parameter is filled; otherwise one error lists everything.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.checkpoint.mapping import convert, matches
from vinf_jax.nn.networks import built, parameters

from . import families
from .families import FAMILIES, Family
from .naming import FOLDERS, OTHER_NETWORKS, UNUSED
from .sizes import Sizes
from .source import Part, Source
from .tensors import Tensors

FLOATS = ("float64", "float32", "float16", "bfloat16")
TEXT_TO_VIDEO = FAMILIES[0].name


@dataclass
class Translated:
    """What `convert.model.Model` is made of. facts: more of its fields, which differ by family."""

    arrays: dict[str, np.ndarray]
    arguments: dict[str, dict[str, Any]]
    kept: Tensors
    family: Family
    facts: dict[str, Any]
    report: dict[str, Any]


def translated(source: Source, vocabulary: Path | None = None) -> Translated:
    """A source's tensors as our arrays, views of its files wherever numpy can.

    Raises:
        ValueError: tensors that no row reads, parameters that no tensor fills, wrong shapes, or a
            config or schedule of something else; all in one message.
    """
    family = families.of_layout(source.layout)
    troubles: list[str] = []
    arrays: dict[str, np.ndarray] = {}
    arguments: dict[str, dict[str, Any]] = {}
    read: dict[str, list[str]] = {}
    kept, left_out = _sorted(source.beside, UNUSED, OTHER_NETWORKS)
    unread = source.beside.without({*kept, *left_out})
    troubles += [f"{name} belongs to no component and stands on no list" for name in unread]
    for part in source.parts:
        try:
            made = _part(part, family)
        except ValueError as error:
            troubles.append(f"{part.component}: {error}")
            continue
        arguments[part.component] = made.arguments
        arrays |= made.arrays
        read |= made.read
        kept |= made.kept
        left_out |= made.left_out
    troubles += family.settled(arguments)
    facts = family.facts(source, arguments, kept, vocabulary, troubles)
    if troubles:
        listed = "\n".join(troubles)
        raise ValueError(f"{source.opened.path} cannot be converted:\n{listed}")
    kept = source.opened.kept | kept  # a name in both is the same
    report = facts.pop("said", {})
    return Translated(
        arrays,
        arguments,
        kept,
        family,
        facts,
        report
        | {
            "source": _described(source),
            "components": {part.component: part.naming.name for part in source.parts},
            "read": read,
            "kept": sorted(kept),
            "left_out": sorted(left_out),
            "not_tensors": source.opened.left_out,
        },
    )


@dataclass
class _Made:
    arguments: dict[str, Any]
    arrays: dict[str, np.ndarray]
    read: dict[str, list[str]]
    kept: Tensors
    left_out: Tensors


def _part(part: Part, family: Family) -> _Made:
    """One component of a model of this family. Raises ValueError as `translated`."""
    sizes = Sizes(part.tensors.shapes())
    arguments = family.completed(part.component, part.naming.arguments(sizes), part.config)
    rows = part.naming.rows(arguments, sizes)
    sources = {row.source for row in rows}
    unused = part.naming.unused(arguments)
    kept, left_out = _sorted(part.tensors.without(sources), unused, part.naming.left_out)
    _refuse(_strange_numbers(part.tensors.only(sources)))
    _refuse(family.strange(part.component, arguments, part.tensors))
    start = f"{part.component}."
    wanted = target(part.component, json.dumps(arguments, sort_keys=True), family.name)
    arrays = convert(rows, part.tensors, wanted, [*unused, *part.naming.left_out])
    return _Made(
        arguments,
        {start + name: x for name, x in arrays.items()},
        {part.prefix + row.source: [start + name for name in row.targets] for row in rows},
        kept.under(part.naming.home),
        left_out.under(part.prefix),
    )


@lru_cache(maxsize=8)
def target(component: str, arguments: str, family: str = TEXT_TO_VIDEO) -> dict[str, Any]:
    """The parameters of a network, abstract, by name; building takes seconds. arguments: JSON."""
    networks = next(each.networks for each in FAMILIES if each.name == family)
    found = parameters(built(networks, {component: json.loads(arguments)}))
    return {name.removeprefix(f"{component}."): like for name, like in found.items()}


def _sorted(
    tensors: Tensors, unused: Sequence[str], left_out: Sequence[str]
) -> tuple[Tensors, Tensors]:
    """Those that are kept and those that are left out, of tensors that no row reads."""

    def fitting(patterns: Sequence[str]) -> Tensors:
        names = {name for name in tensors if matches(_inside(name), patterns)}
        return tensors.only(names)

    return fitting(unused), fitting(left_out)


def _inside(name: str) -> str:
    """A tensor's name without the folder of the component that it lies in."""
    folder, _, rest = name.partition("/")
    return rest if folder in FOLDERS.values() else name


def _strange_numbers(tensors: Tensors) -> list[str]:
    return [
        f"{name} is {tensors.dtype(name)}; weights are {', '.join(FLOATS)}"
        for name in tensors
        if tensors.dtype(name).name not in FLOATS
    ]


def _described(source: Source) -> dict[str, Any]:
    return {
        "path": str(source.opened.path),
        "layout": source.layout,
        "files": {_short(path, source): path.stat().st_size for path in source.opened.paths},
        "wrappers": source.opened.wrappers,
    }


def _short(path: Path, source: Source) -> str:
    root = source.opened.path
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _refuse(troubles: Sequence[str]) -> None:
    if troubles:
        raise ValueError("\n  ".join(["it is another network than can be built here:", *troubles]))
