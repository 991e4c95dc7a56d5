"""Weights between a foreign layout and ours: a table of rows, read in both directions.

A row says which stored tensor becomes which of our parameters, and its kind how. `convert` and
`export` use every row; a tensor or parameter without a row, or a row without them, is an error.
The rows of whole layers are in `vinf_jax.checkpoint.rows`; tables of networks are in `convert`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

NEAREST = 20
"""Names of a list that are given a nearest right name; comparing thousands takes minutes."""


@dataclass(frozen=True)
class Kind:
    """How one stored tensor becomes one or several parameters (`ours`), and its inverse."""

    ours: Callable[[np.ndarray], tuple[np.ndarray, ...]]
    theirs: Callable[..., np.ndarray]


@dataclass(frozen=True)
class Row:
    """`source`, a name in the foreign layout, holds what our parameters `targets` hold."""

    source: str
    targets: tuple[str, ...]
    kind: Kind

    def source_shape(self, target: Mapping[str, Any]) -> tuple[int, ...]:
        """The stored tensor's shape, from those of the parameters."""
        zeros = [np.broadcast_to(np.int8(0), target[name].shape) for name in self.targets]
        return self.kind.theirs(*zeros).shape


def place(rows: Iterable[Row], target: str, source: str | None = None) -> list[Row]:
    """The rows of a block under a prefix, `target` on our side and, if it differs, `source`."""
    source = target if source is None else source
    return [
        replace(
            row,
            source=_join(source, row.source),
            targets=tuple(_join(target, name) for name in row.targets),
        )
        for row in rows
    ]


def convert(
    table: Sequence[Row],
    source: Mapping[str, Any],
    target: Mapping[str, Any],
    ignore: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Our parameters by dotted name, from tensors of a foreign layout, in the tensors' dtypes.

    source: any mapping; each tensor is read once, and results are views of it where numpy can.
    target: the model's parameters, abstract ones suffice (`vinf_jax.nn.parameters.flat`).
    ignore: patterns (`*` stands for anything) of tensors that may be left unread.
    Raises ValueError, once, with every name that does not fit and every wrong shape.
    """
    wanted = {row.source for row in table}
    stored = [name for name in source if name in wanted or not matches(name, ignore)]
    troubles = list(_troubles_of_names(table, stored, target))
    found: dict[str, np.ndarray] = {}
    for row in table:
        if row.source not in source or any(name not in target for name in row.targets):
            continue
        array = np.asarray(source[row.source])
        shape = row.source_shape(target)
        if array.shape != shape:
            troubles.append(f"{row.source} has shape {array.shape}, {_for(row)} needs {shape}")
        elif not troubles:
            found.update(zip(row.targets, row.kind.ours(array), strict=True))
    _refuse(troubles, "these weights do not fit the model")
    return found


def export(table: Sequence[Row], parameters: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The foreign layout's tensors by name, from our parameters. The inverse of `convert`.

    Raises ValueError, once, with every parameter without a row and every row without parameters.
    """
    return dict(Exported(table, parameters))


class Exported(Mapping[str, np.ndarray]):
    """What `export` returns, each tensor made when it is asked for, and not kept.

    parameters: may be a mapping that reads when asked. Raises ValueError as `export`.
    """

    def __init__(self, table: Sequence[Row], parameters: Mapping[str, Any]) -> None:
        everything = [row.source for row in table]
        troubles = _troubles_of_names(table, everything, parameters)
        _refuse(troubles, "the table does not fit the model")
        self._rows, self._parameters = {row.source: row for row in table}, parameters

    def __getitem__(self, name: str) -> np.ndarray:
        row = self._rows[name]
        return row.kind.theirs(*(np.asarray(self._parameters[target]) for target in row.targets))

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def source_shapes(table: Sequence[Row], target: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that `convert` would read for a model of these parameters."""
    everything = [row.source for row in table]
    _refuse(_troubles_of_names(table, everything, target), "the table does not fit the model")
    return {row.source: row.source_shape(target) for row in table}


def _troubles_of_names(
    table: Sequence[Row], stored: Sequence[str], target: Mapping[str, Any]
) -> Iterator[str]:
    rows = {row.source: row for row in table}
    filled = Counter(name for row in table for name in row.targets)
    unread = [name for name in stored if name not in rows]
    there = set(stored)
    missing = [name for name in rows if name not in there]
    unfilled = [name for name in target if name not in filled]
    unknown = [name for name in filled if name not in target]
    for name, near in _nearest(missing, unread):
        yield f"{name} is missing, {_for(rows[name])} needs it{near}"
    for name, near in _nearest(unread, missing):
        yield f"{name} is not read by any row of the table{near}"
    for name, near in _nearest(unfilled, unknown):
        yield f"no row of the table fills the model's {name}{near}"
    for name, near in _nearest(unknown, unfilled):
        yield f"the table fills {name}, which the model does not have{near}"
    for name, count in Counter(row.source for row in table).items():
        if count > 1:
            yield f"{count} rows of the table read {name}"
    for name, count in filled.items():
        if count > 1:
            yield f"{count} rows of the table fill {name}"


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name fits any of the patterns, in which `*` stands for anything."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _nearest(names: Sequence[str], others: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each name with a remark on the most similar of the others, for the first names only."""
    for n, name in enumerate(names):
        near = get_close_matches(name, others, n=1, cutoff=0.8) if n < NEAREST else []
        yield name, "".join(f" (near it: {other})" for other in near)


def _refuse(troubles: Iterable[str], what: str) -> None:
    lines = list(troubles)
    if lines:
        raise ValueError("\n  ".join([f"{what}, {len(lines)} troubles:", *lines]))


def _for(row: Row) -> str:
    return " and ".join(row.targets)


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
