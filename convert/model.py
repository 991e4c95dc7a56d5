"""A model as arrays of ours, whatever layout it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.checkpoint import imported, store
from vinf_jax.checkpoint.index import Shapes
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.clip_tokenizer import ClipTokenizer

from . import families, source, translation
from .families import Family
from .opened import opened

OURS = "vinf_jax"


@dataclass(frozen=True)
class Model:
    """Its arrays are read when they are asked for.

    layout: OURS or one of `naming.LAYOUTS`. arrays: `unet. ...`, `autoencoder. ...` and so on.
    shapes: shape and dtype of each. arguments: of each network's constructor. kept: tensors of the
    source that inference does not use, by their names there. settings, schedule, tokenizer: what
    the family has of them. report: what was read, kept, left out and filled; of a model folder, as
    its import left it.
    """

    path: Path
    layout: str
    family: Family
    arrays: Mapping[str, np.ndarray]
    shapes: Shapes
    arguments: Mapping[str, Mapping[str, Any]]
    kept: Mapping[str, np.ndarray]
    settings: Any
    schedule: Schedule | None = None
    tokenizer: Any = None
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Of all arrays."""
        return sum(int(np.prod(s)) * kind.itemsize for s, kind in self.shapes.values())

    @property
    def vocabulary(self) -> dict[str, str]:
        """The files of CLIP's tokenizer; none where there is another one or none."""
        return self.tokenizer.files() if isinstance(self.tokenizer, ClipTokenizer) else {}


def is_ours(path: Path) -> bool:
    """Whether a model folder of this project lies there, whole or not."""
    return (path / "checkpoint.json").is_file()


def read(
    path: Path,
    layout: str | None = None,
    variant: str | None = None,
    vocabulary: Path | None = None,
) -> Model:
    """The model at a path, of any layout.

    layout, variant: see `opened`. vocabulary: where a tokenizer lies, in place of the source's own.

    Raises:
        ValueError: nothing that can be read, or weights that do not fit; with everything that
            does not.
    """
    if is_ours(path):
        return _ours(path)
    return of_source(path, source.recognised(opened(path, layout, variant), layout), vocabulary)


def of_source(path: Path, found: source.Source, vocabulary: Path | None = None) -> Model:
    """The model that files of others at a path make up. Raises ValueError as `read`."""
    made = translation.translated(found, vocabulary)
    shapes = {name: (x.shape, x.dtype) for name, x in made.arrays.items()}
    fields = vars(made) | made.facts
    del fields["facts"]
    return Model(path, found.layout, shapes=shapes, **fields)


def _ours(path: Path) -> Model:
    _, said = store.describe(path)
    family = families.of_note(path, said)
    noted, arrays = family.noted(path, said), store.arrays(path)
    return Model(
        path,
        OURS,
        family,
        arrays,
        {name: (arrays.shape(name), arrays.dtype(name)) for name in arrays},
        {part: family.whole(part, given) for part, given in said["arguments"].items()},
        imported.read_kept(path),
        report=imported.read_report(path),
        **noted,
    )
