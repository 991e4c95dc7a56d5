"""Networks that metrics and losses look through: I3D, C3D and LPIPS, from the published files.

Each becomes a checkpoint of its own (`vinf_jax.nn.stored`), which `python -m infer evaluate` and
training load. What a file is decides its content.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx

from vinf_jax.checkpoint import store
from vinf_jax.checkpoint.mapping import Row, convert
from vinf_jax.checkpoint.torch_file import open_tensors
from vinf_jax.models.c3d import C3D
from vinf_jax.models.i3d import I3D
from vinf_jax.models.lpips import LPIPS
from vinf_jax.nn import stored
from vinf_jax.nn.parameters import abstract, flat

from . import c3d, i3d, lpips
from .npz_file import names_of, read_npz
from .opened import SUFFIXES
from .sizes import Sizes
from .statistics import Statistics

FLOATS = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Network:
    """kind: the checkpoint's. files: what the weights are published as, and a tensor that tells.
    ignored: patterns of tensors that nobody reads."""

    kind: str
    files: Mapping[str, str]
    build: Callable[..., nnx.Module]
    arguments: Callable[[Sizes], dict[str, Any]]
    rows: Callable[[Mapping[str, Any]], list[Row]]
    ignored: Sequence[str] = ()


NETWORKS = (
    Network(
        "i3d",
        {"i3d_pretrained_400.pt": "Conv3d_1a_7x7.conv3d.weight"},
        I3D,
        i3d.arguments,
        lambda arguments: i3d.table(),
        i3d.IGNORED,
    ),
    Network(
        "c3d",
        {"conv3d_deepnetA_ucf.npz": "conv1a/W", "mean2.npz": c3d.MEAN},
        C3D,
        c3d.arguments,
        lambda arguments: c3d.table(widths=arguments["widths"], size=arguments["size"]),
    ),
    Network(
        "lpips",
        {"vgg16-397923af.pth": "features.28.weight", "vgg.pth": "lin4.model.1.weight"},
        LPIPS,
        lpips.arguments,
        lambda arguments: lpips.table(),
        lpips.IGNORED,
    ),
)


@dataclass(frozen=True)
class Found:
    """A network's tensors, and the files that they lie in; `said` are its arguments, where a
    checkpoint says them."""

    network: Network
    path: Path
    files: list[Path]
    tensors: Mapping[str, np.ndarray]
    said: Mapping[str, Any] | None = None

    @property
    def layout(self) -> str:
        """For people."""
        return f"{self.network.kind}, {'as published' if self.said is None else 'a checkpoint'}"

    def arguments(self) -> Mapping[str, Any]:
        """Of the network's constructor. Raises ValueError for tensors that no network has."""
        if self.said is not None:
            return self.said
        return self.network.arguments(Sizes({n: x.shape for n, x in self.tensors.items()}))


def recognised(path: Path) -> Found | None:
    """The network whose weights lie at a path, a file or a folder of files; None for anything else.

    Raises:
        ValueError: only some of the files that a network is published as, files that are damaged,
            or several with tensors of one name.
    """
    files = _files(path)
    try:
        names = {file: set(_names(file)) for file in files}
    except ValueError:
        return None
    there = set().union(*names.values())
    for network in NETWORKS:
        missing = [file for file, sign in network.files.items() if sign not in there]
        if not missing:
            _refuse_twice(path, names)
            read = {name: x for file in files for name, x in _tensors(file).items()}
            return Found(network, path, files, read)
        if len(missing) < len(network.files):
            raise ValueError(
                f"{path} is a part of {network.kind}: {' and '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing. Put {' and '.join(network.files)}"
                " into one folder, with nothing else, and give that folder"
            )
    return None


def checkpoint(folder: Path) -> Found | None:
    """The network whose checkpoint lies in a folder; None for one of anything else."""
    note = stored.describe(folder)
    for network in NETWORKS:
        if network.kind == note["kind"]:
            return Found(network, folder, [], store.arrays(folder), note["arguments"])
    return None


def write(found: Found, target: Path, dtype: str | None, overwrite: bool) -> list[str]:
    """Writes the network as a checkpoint, and returns what there is to say about it.

    Raises:
        ValueError: tensors that do not fit, all of them; or numbers that are not finite.
        OSError: the folder exists and is not to be replaced, or cannot be written.
    """
    network = found.network
    arguments = found.arguments()
    like = flat(abstract(lambda rngs: network.build(**arguments, rngs=rngs)))
    rows = network.rows(arguments)
    arrays = convert(rows, found.tensors, like, network.ignored)
    numbers = Statistics()
    for name, x in arrays.items():
        numbers.add(name, x)
    _refuse(found, arrays, numbers)
    provenance = {"imported": {file.name: file.stat().st_size for file in found.files}}
    how: dict[str, Any] = {"dtype": dtype, "overwrite": overwrite}
    stored.save(target, network.kind, arguments, arrays, provenance=provenance, **how)
    left_out = len(found.tensors) - len(rows)
    return [
        f"{target}: {network.kind}, from {', '.join(file.name for file in found.files)}",
        f"  {numbers.line()}",
        f"  {len(rows)} tensors read, {left_out} left out; every parameter filled once",
    ]


def _refuse(found: Found, arrays: Mapping[str, np.ndarray], numbers: Statistics) -> None:
    strange = [f"{name} is {x.dtype}" for name, x in arrays.items() if x.dtype.name not in FLOATS]
    strange += [f"{name} is not finite" for name in numbers.not_finite]
    if strange:
        raise ValueError("\n  ".join([f"{found.path} cannot be converted:", *strange]))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path] if path.is_file() else []
    return [f for f in sorted(path.iterdir()) if f.suffix in (*SUFFIXES, ".npz") and f.is_file()]


def _names(file: Path) -> Iterable[str]:
    return names_of(file) or open_tensors(file)


def _refuse_twice(path: Path, names: Mapping[Path, set[str]]) -> None:
    for (one, its), (other, theirs) in itertools.combinations(names.items(), 2):
        if both := its & theirs:
            raise ValueError(
                f"{path}: {one.name} and {other.name} both hold {min(both)}; leave one of them in "
                "the folder"
            )


def _tensors(file: Path) -> Mapping[str, np.ndarray]:
    return read_npz(file) if names_of(file) else open_tensors(file)
