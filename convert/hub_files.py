"""Which of a repository's files an import reads: a choice by names, before anything is fetched."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from . import pvdm
from .naming import FOLDERS
from .opened import KEPT, SUFFIXES

NOTES = ("config.json", "model_index.json", "scheduler/scheduler_config.json")
TOKENIZER = ("vocab.json", "merges.txt", "tokenizer.json")
STEMS = ("diffusion_pytorch_model", "pytorch_model", "model")
EXTENSIONS = ("safetensors", "bin")
"""The first one that there is is fetched."""
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


class Weights(NamedTuple):
    """What the name of a file with a component's weights, or of their index, says."""

    extension: str
    variant: str


def chosen(
    names: Sequence[str], where: str, layout: str | None = None, variant: str | None = None
) -> list[str]:
    """Names of files: components with their notes, or one component, or the one checkpoint.

    where: whose files they are, for messages. layout, variant: see `opened.opened`.

    Raises:
        ValueError: nothing that can be read, not in this variant, or several to choose from.
    """
    if "checkpoint.json" in names:  # a model folder of ours
        return [name for name in names if not name.startswith(".") and name != "README.md"]
    components = [folder for folder in FOLDERS.values() if _weights(names, folder)]
    if layout != "lvdm" and components:
        notes = [name for name in names if _is_note(name, components) or name == KEPT]
        return notes + [
            name for folder in components for name in _best(names, folder, where, variant)
        ]
    if layout != "lvdm" and _weights(names, ""):
        notes = [name for name in names if name == "config.json"]
        return notes + _best(names, "", where, variant)
    single = [name for name in names if "/" not in name and name.endswith(SUFFIXES)]
    if single and (layout == "pvdm" or set(single) == set(pvdm.FILES.values())):
        return single
    if len(single) != 1:
        what = f"several checkpoints ({', '.join(single)})" if single else "no weights to read"
        raise ValueError(f"{where} has {what}; download one by hand and give its path")
    return single


def _is_note(name: str, components: Iterable[str]) -> bool:
    folder, _, file = name.rpartition("/")
    configs = [f"{component}/config.json" for component in components]
    return name in (*NOTES, *configs) or (folder == "tokenizer" and file in TOKENIZER)


def _weights(names: Iterable[str], folder: str) -> dict[str, Weights]:
    """The files of a folder that hold weights under the usual names."""
    paths = [PurePosixPath(name) for name in names]
    said = {str(path): _said(path.name) for path in paths if str(path.parent) == (folder or ".")}
    return {name: weights for name, weights in said.items() if weights}


def _said(file: str) -> Weights | None:
    parts = [_SHARD.sub("", part) for part in file.split(".")]
    stem, *rest = parts
    extension = next((ending for ending in EXTENSIONS if ending in rest), None)
    if stem not in STEMS or extension is None:
        return None
    variant = [part for part in rest if part not in (extension, "index", "json")]
    return Weights(extension, ".".join(variant))


def _best(names: Sequence[str], folder: str, where: str, variant: str | None) -> list[str]:
    """The files of one variant: the wished one, otherwise the one without a name or the only one;
    of these those with the better extension."""
    said = _weights(names, folder)
    variants = sorted({weights.variant for weights in said.values()})
    wish = variant if variant is not None else variants[0] if len(variants) == 1 else ""
    fitting = [weights.extension for weights in said.values() if weights.variant == wish]
    if not fitting:
        there = ", ".join(name or "one without a name" for name in variants)
        place = f"{where}/{folder}" if folder else where
        raise ValueError(f"{place} has the variants {there}; choose with --variant")
    extension = min(fitting, key=EXTENSIONS.index)
    return [name for name, weights in said.items() if weights == (extension, wish)]
