"""A text-to-video model as arrays of ours, whatever layout it comes from."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.checkpoint.index import Shapes
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.clip_tokenizer import ClipTokenizer
from vinf_jax.systems.video_infinity import Settings, folder, note, tokens
from vinf_jax.systems.video_infinity.networks import NETWORKS

from . import source, translation
from .opened import opened

OURS = "vinf_jax"


@dataclass(frozen=True)
class Model:
    """Its arrays are read when they are asked for.

    layout: OURS, "lvdm" or "diffusers". arrays: `unet. ...`, `autoencoder. ...`, `text_encoder.
    ...`. shapes: shape and dtype of each. arguments: of each network's constructor. kept: tensors
    of the source that inference does not use, by their names there. report: what was read, kept,
    left out and filled; of a model folder, as its import left it.
    """

    path: Path
    layout: str
    arrays: Mapping[str, np.ndarray]
    shapes: Shapes
    arguments: Mapping[str, Mapping[str, Any]]
    kept: Mapping[str, np.ndarray]
    schedule: Schedule
    settings: Settings
    tokenizer: Any
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
    return Model(path, found.layout, shapes=shapes, **vars(made))


def _ours(path: Path) -> Model:
    said, arrays = note.describe(path), folder.arrays(path)
    shapes = {name: (arrays.shape(name), arrays.dtype(name)) for name in arrays}
    return Model(
        path,
        OURS,
        arrays,
        shapes,
        {part: _defaults(part) | given for part, given in said["arguments"].items()},
        folder.read_kept(path),
        note.schedule_of(said),
        Settings(**said["settings"]),
        tokens.read(path, said["tokenizer"]),
        folder.read_report(path),
    )


def _defaults(part: str) -> dict[str, Any]:
    """The arguments that a network's constructor has by itself."""
    fields = inspect.signature(NETWORKS[part].__init__).parameters.values()
    return {field.name: field.default for field in fields if field.default is not field.empty}
