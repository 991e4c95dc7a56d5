"""The weights of one component in a folder: which file, which variant, which shards.

File names as diffusers and transformers write them (`Model.from_pretrained`): one file, or shards
with an index that says which tensor lies in which; `.fp16` and the like name a variant.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from vinf_jax.checkpoint.torch_file import TensorFile, open_tensors

from .tensors import Tensors

MOST_JSON = 64 * 2**20
"""Bytes; the index of the largest models has a few MB."""
_STEM = r"(?:diffusion_pytorch_model|pytorch_model|model)"
_VARIANT = r"(?P<variant>(?!.*-\d{5}-of-)[\w-]+)"
_EXTENSION = r"(?P<extension>safetensors|bin)"
_FORMS = [
    (False, re.compile(rf"{_STEM}(?:\.{_VARIANT})?\.{_EXTENSION}")),
    (True, re.compile(rf"{_STEM}\.{_EXTENSION}\.index(?:\.{_VARIANT})?\.json")),
    (True, re.compile(rf"{_STEM}\.{_EXTENSION}\.{_VARIANT}\.index\.json")),  # before 2024
]
_SHARD = re.compile(r".+-\d{5}-of-\d{5}(?:\.[\w-]+)?\.(?:safetensors|bin)")
NAMES = "diffusion_pytorch_model or model[.VARIANT].safetensors, .safetensors.index.json or .bin"


class Weights(NamedTuple):
    """One way in which a folder holds a component's weights: a file, or an index of shards."""

    path: Path
    variant: str
    extension: str
    sharded: bool

    @property
    def rank(self) -> tuple[bool, bool]:
        """The smallest is read: safetensors before pickles, one file before shards."""
        return self.extension == "bin", self.sharded


def has_weights(folder: Path) -> bool:
    """Whether the folder holds a component's weights under the usual names."""
    return folder.is_dir() and bool(_listed(folder))


def weights_of(folder: Path, variant: str | None = None) -> Weights:
    """The weights to read: those of the variant, or without one those that have none.

    Raises:
        ValueError: there are none, not of this variant, or of several and none is chosen.
    """
    listed = _listed(folder)
    variants = sorted({weights.variant for weights in listed} - {""})
    if not listed:
        shards = [file.name for file in _files(folder) if _SHARD.fullmatch(file.name)]
        lost = f"; it has shards ({shards[0]}, ...) but not their index" if shards else ""
        raise ValueError(f"{folder} holds no weights under the names {NAMES}{lost}")
    plain = any(not weights.variant for weights in listed)
    chosen = variant if variant is not None else "" if plain or len(variants) != 1 else variants[0]
    fitting = [weights for weights in listed if weights.variant == chosen]
    if not fitting:
        there = ", ".join([*variants, *["one without a name"] * plain])
        wish = f"no variant {chosen!r}" if chosen else "several variants"
        raise ValueError(f"{folder} has {wish}: there are {there}; choose with --variant")
    return min(fitting, key=lambda weights: weights.rank)


def read(weights: Weights) -> tuple[Tensors, list[TensorFile], list[Path]]:
    """The tensors, and the files in which they lie.

    Raises:
        ValueError: a file that cannot be read, or an index that does not fit its shards.
    """
    if not weights.sharded:
        file = open_tensors(weights.path)
        return Tensors.of(file), [file], [weights.path]
    placed = _index(weights.path)
    shards = {name: open_tensors(weights.path.parent / name) for name in set(placed.values())}
    troubles = [
        f"{name} is not in {shard}, where the index puts it"
        for name, shard in placed.items()
        if name not in shards[shard]
    ]
    troubles += [
        f"{name} is in {shard}, but the index does not put it there"
        for shard, file in shards.items()
        for name in file
        if placed.get(name) != shard
    ]
    if troubles:
        raise ValueError("\n  ".join([f"{weights.path} does not fit its shards:", *troubles]))
    names = sorted(shards)
    joined = Tensors({name: (shards[shard], name) for name, shard in placed.items()})
    return joined, [shards[name] for name in names], [weights.path.parent / name for name in names]


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        ValueError: it holds something else, or is too large to be what it should be.
    """
    if path.stat().st_size > MOST_JSON:
        raise ValueError(f"{path} has {path.stat().st_size} bytes; no such file is that large")
    return parsed(path.read_bytes(), path)


def parsed(text: str | bytes, name: Any) -> dict[str, Any]:
    """The object that a JSON text holds; `name` says in messages whose text it is.

    Raises:
        ValueError: it holds something else.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{name} holds {type(value).__name__}, not an object with names")
    return value


def _index(path: Path) -> dict[str, str]:
    """Which shard holds each tensor. A shard is a file in the index' own folder, no path."""
    placed = read_json(path).get("weight_map")
    if not isinstance(placed, dict) or not placed:
        raise ValueError(f"{path} has no weight_map, which says where each tensor lies")
    refused = sorted({str(shard) for shard in placed.values() if not _plain(shard)})
    if refused:
        raise ValueError(f"{path} names shards that are no plain file names: {_quoted(refused)}")
    missing = sorted({s for s in placed.values() if not (path.parent / s).is_file()})
    if missing:
        raise ValueError(f"{path} names shards that are not there: {_quoted(missing)}")
    return placed


def _plain(shard: Any) -> bool:
    return (
        isinstance(shard, str)
        and shard not in ("", ".")
        and ".." not in shard
        and not set(shard) & set('/\\:\0"')
        and shard.isprintable()
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _listed(folder: Path) -> list[Weights]:
    listed = []
    for file in _files(folder):
        for sharded, form in _FORMS:
            if match := form.fullmatch(file.name):
                fields = match.groupdict()
                listed.append(Weights(file, fields["variant"] or "", fields["extension"], sharded))
    return listed


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file())
