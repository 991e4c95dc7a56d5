"""What lies at a path: files of tensors and the notes beside them, before anybody asks what it is.

A path is one file, or a folder: components in folders of their own (diffusers), one component at
the root, or a single checkpoint file with a folder around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vinf_jax.checkpoint.torch_file import TensorFile, open_tensors

from . import naming, shards
from .naming import FOLDERS
from .tensors import Tensors

SUFFIXES = (".ckpt", ".safetensors", ".pt", ".pth", ".bin")
TOKENIZER = ("vocab.json", "tokenizer.json")
KEPT = "kept.safetensors"
"""In folders that this program wrote: tensors of an earlier source that inference does not use."""
HEAD = "vinf_jax."
"""Before the names of configs in the head of a safetensors file of ours."""
WANTED = (
    "give a lvdm checkpoint (model.ckpt), a diffusers folder, the folder or file of one of its "
    "components, a .pth of PVDM or a folder with the two of a model, or a model folder of this "
    "project"
)


@dataclass(frozen=True)
class Group:
    """Tensors that lie together: those of one file, or of one component's folder.

    where: the folder's name and a slash, or nothing. config: config.json, of the one component that
    a folder holds.
    """

    where: str
    tensors: Tensors
    config: dict[str, Any]
    files: list[TensorFile]
    paths: list[Path]

    @property
    def configs(self) -> dict[str, dict[str, Any]]:
        """Configs by component, as an export of ours writes them into the head of its one file."""
        texts = {name: text for file in self.files for name, text in file.metadata.items()}
        return {
            name.removeprefix(HEAD): shards.parsed(text, name)
            for name, text in texts.items()
            if name.startswith(HEAD)
        }


@dataclass(frozen=True)
class Opened:
    """scheduler: scheduler_config.json. tokenizer: the folder with vocab.json and merges.txt.
    kept: tensors that an export of ours carries along."""

    path: Path
    groups: list[Group]
    scheduler: dict[str, Any] | None = None
    tokenizer: Path | None = None
    kept: Tensors = field(default_factory=lambda: Tensors({}))

    @property
    def tensors(self) -> Tensors:
        """All tensors, each behind the name of its folder."""
        together = Tensors({})
        for group in self.groups:
            together |= group.tensors.under(group.where)
        return together

    @property
    def paths(self) -> list[Path]:
        """All files of weights."""
        return [path for group in self.groups for path in group.paths]

    @property
    def left_out(self) -> list[str]:
        """Entries of the files that are no tensors of the model."""
        files = [file for group in self.groups for file in group.files]
        return sorted({name for file in files for name in file.left_out})

    @property
    def wrappers(self) -> list[str]:
        """The entries of torch files in which the tensors were found."""
        files = [file for group in self.groups for file in group.files]
        return sorted({file.wrapper for file in files} - {""})


def opened(path: Path, layout: str | None = None, variant: str | None = None) -> Opened:
    """The files at a path.

    layout: where a folder holds both, "diffusers" takes its components (so does no wish), "lvdm"
    its single checkpoint and "pvdm" its two. variant: of weights in folders, e.g. "fp16".

    Raises:
        ValueError: nothing there, nothing that can be read, or several things to choose from.
    """
    if path.is_dir():
        return _folder(path, layout, variant)
    if not path.exists():
        raise ValueError(f"{path} does not exist; {WANTED}")
    file = open_tensors(path)
    beside = layout in (None, "diffusers")
    config = _json(path.parent / "config.json") if beside else None
    group = Group("", Tensors.of(file), config or {}, [file], [path])
    return Opened(path, [group], group.configs.get("scheduler"))


def _folder(path: Path, layout: str | None, variant: str | None) -> Opened:
    inner = [name for name in FOLDERS.values() if shards.has_weights(path / name)]
    single = [
        file
        for file in sorted(path.iterdir())
        if file.suffix in SUFFIXES and file.is_file() and file.name != KEPT
    ]
    folders = layout in (None, "diffusers")
    if folders and inner:
        return _components(path, inner, variant)
    if folders and shards.has_weights(path):
        group = _group(path, "", variant)
        return Opened(path, [group], group.configs.get("scheduler"))
    if len(single) == 1:
        return opened(single[0], layout, variant)
    if groups := _one_model(single):
        return Opened(path, groups)
    raise ValueError(_nothing_to_choose(path, single))


def _one_model(single: Sequence[Path]) -> list[Group]:
    """The files of a folder, if each holds another network of PVDM; nothing otherwise."""
    try:
        files = [open_tensors(path) for path in single]
    except ValueError:
        return []
    parts = [placed.naming.component for file in files for placed in naming.found(file, "pvdm")]
    if len(parts) != len(files) or len(set(parts)) != len(parts):
        return []
    pairs = zip(files, single, strict=True)
    return [Group("", Tensors.of(file), {}, [file], [path]) for file, path in pairs]


def _components(path: Path, inner: Sequence[str], variant: str | None) -> Opened:
    tokenizer = path / "tokenizer"
    kept = path / KEPT
    return Opened(
        path,
        [_group(path / name, f"{name}/", variant) for name in inner],
        _json(path / "scheduler" / "scheduler_config.json"),
        tokenizer if any((tokenizer / name).is_file() for name in TOKENIZER) else None,
        Tensors.of(open_tensors(kept)) if kept.is_file() else Tensors({}),
    )


def _group(folder: Path, where: str, variant: str | None) -> Group:
    tensors, files, paths = shards.read(shards.weights_of(folder, variant))
    return Group(where, tensors, _json(folder / "config.json") or {}, files, paths)


def _json(path: Path) -> dict[str, Any] | None:
    return shards.read_json(path) if path.is_file() else None


def _nothing_to_choose(path: Path, single: Sequence[Path]) -> str:
    if single:
        names = ", ".join(file.name for file in single)
        return f"{path} holds several checkpoints ({names}); give one of them"
    there = sorted(entry.name for entry in path.iterdir())[:8]
    return (
        f"{path} holds nothing that can be read: no weights named {shards.NAMES}, neither there "
        f"nor in {', '.join(FOLDERS.values())}, and no checkpoint file. There are: "
        f"{', '.join(there) or 'no files'}. {WANTED[0].upper()}{WANTED[1:]}"
    )
