"""Shows what weights are: layout, components, tensors, numbers, and the tree of their names.

Reads every number once, and executes nothing. Exit status: 0, also where the model is one that
cannot be imported; 2 where nothing can be read.
"""

import argparse
import math
from collections.abc import Mapping
from typing import Any

from vinf_jax.programs import plain

from .options import add_source, parser
from .picture import picture, printable
from .progress import Bar
from .statistics import Statistics
from .tensors import Watched

WIDTH = 14


def main(argv: list[str]) -> int:
    to = parser("inspect", __doc__)
    add_source(to)
    to.add_argument("--depth", type=int, default=4, metavar="N", help="of the tree (default: 4)")
    options = to.parse_args(argv)
    from . import feature_networks, hub, model

    options.path = hub.local(options.path, options.layout, options.variant).path
    if model.is_ours(options.path):
        network = feature_networks.checkpoint(options.path)
        return _network(options, network) if network else _ours(options)
    network = None if options.layout else feature_networks.recognised(options.path)
    return _network(options, network) if network else _theirs(options)


def _network(options: argparse.Namespace, found: Any) -> int:
    """Of metrics and losses, as published or as a checkpoint."""
    kind, tensors = found.network.kind, dict(found.tensors)
    print(f"{options.path}\nlayout: {found.layout}")
    for path in found.files:
        print(f"file: {path.name}, {path.stat().st_size / 1e9:.3f} GB")
    _show(kind, "", tensors)
    said = ", ".join(f"{name} {value}" for name, value in found.arguments().items())
    print(f"{kind:<{WIDTH}}{said}")
    print(*picture({name: x.shape for name, x in tensors.items()}, options.depth), sep="\n")
    return 0


def _theirs(options: argparse.Namespace) -> int:
    from . import model, opened, source

    there = opened.opened(options.path, options.layout, options.variant)
    tensors = there.tensors
    try:
        found = source.recognised(there, options.layout)
        verdict = f"layout: {found.layout}"
        groups = {part.component: (part.naming.name, part.tensors) for part in found.parts}
        groups["beside them"] = ("", found.beside)
    except ValueError as error:
        found, verdict = None, f"layout: {plain(str(error))}"
        groups = {"tensors": ("", tensors)}
    print(f"{options.path}\n{verdict}")
    for group in there.groups:
        for file, path in zip(group.files, group.paths, strict=True):
            inside = f", in {file.wrapper}" if file.wrapper else ""
            print(f"file: {path.name}, {path.stat().st_size / 1e9:.3f} GB, {file.form}{inside}")
    if there.left_out:
        print(f"no tensors of the model: {', '.join(map(printable, there.left_out))}")
    size = sum(tensors.dtype(name).itemsize * math.prod(tensors.shape(name)) for name in tensors)
    with Bar("reading", size) as bar:
        for name, (kind, inside) in groups.items():
            _show(name, kind, Watched(inside, inside, bar.told))
    if found:
        try:
            _show_model(model.of_source(options.path, found))
            print("every tensor has its place: it can be imported")
        except ValueError as error:
            print(plain(str(error)))
    print(*picture(tensors.shapes(), options.depth), sep="\n")
    return 0


def _ours(options: argparse.Namespace) -> int:
    from . import model

    there = model.read(options.path)
    print(f"{options.path}\nlayout: model folder of this project")
    groups: dict[str, list[str]] = {part: [] for part in there.arguments}
    for name in there.shapes:
        groups.setdefault(name.partition(".")[0], []).append(name)
    with Bar("reading", there.bytes) as bar:
        for part, names in groups.items():
            _show(part, "", Watched(there.arrays, names, bar.told))
        _show("kept", "", there.kept)
    _show_model(there)
    print(*picture({name: x for name, (x, _) in there.shapes.items()}, options.depth), sep="\n")
    return 0


def _show(name: str, kind: str, tensors: Mapping[str, Any]) -> None:
    if not tensors:
        return
    numbers = Statistics()
    for tensor in tensors:
        numbers.add(printable(tensor), tensors[tensor])
    print(f"{name:<{WIDTH}}{f'{kind}: ' if kind else ''}{numbers.line()}")


def _show_model(there: Any) -> None:
    from . import schedules

    for part, arguments in there.arguments.items():
        said = ", ".join(f"{name} {value}" for name, value in arguments.items())
        print(f"{part:<{WIDTH}}{said}")
    if said := there.report.get("schedule"):
        print(f"{'schedule':<{WIDTH}}{schedules.line(said)}")
