"""Checkpoints on disk: flat dictionaries of arrays, through Orbax's v1 API.

A checkpoint is an Orbax folder with one file of ours in it (see `index`). It is written under
another name and renamed when whole, so what stands under its final name is finished.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from orbax.checkpoint import v1 as ocp

from vinf_jax.checkpoint import index
from vinf_jax.checkpoint.index import Shapes, some


def save(
    path: str | Path,
    tree: Mapping[str, Any],
    *,
    metadata: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Writes arrays by dotted name; they appear at `path` together or not at all.

    Args:
        path: the checkpoint's folder; folders above it are made if missing.
        tree: jax arrays, on any mesh of this one process, or numpy arrays.
        metadata: anything that JSON can hold, for `describe`.
        overwrite: replace what is there; until the new one is whole the old one stays.

    Raises:
        ValueError: arrays or metadata that cannot be stored, all named.
        OSError: the path exists and `overwrite` is false, or it cannot be written.
    """
    path = Path(path).absolute()
    arrays, note = _arrays(tree), _json(metadata or {})
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; overwrite=True replaces it")
    unfinished = _beside(path, "unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(unfinished)
        with _plain_files():
            ocp.save(str(unfinished), arrays)
        index.write(unfinished, arrays, note)
        _put(unfinished, path)
    except OSError as error:
        raise OSError(f"checkpoint {path} cannot be written: {error}") from error
    finally:
        _remove(unfinished)


def load(path: str | Path, abstract: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of a checkpoint, laid out as `abstract` says.

    Args:
        path: the checkpoint's folder.
        abstract: the same names to jax.ShapeDtypeStruct. Its dtype is that of the result (floats
            may be cast), its sharding too; without one, arrays come to the default device.

    Raises:
        ValueError: no checkpoint, an unfinished or damaged one, or other names, shapes or kinds
            of numbers than asked for.
    """
    path = Path(path).absolute()
    stored, _ = _read(path, checksums=True)
    _compare(path, stored, abstract)
    here = jnp.zeros(()).sharding
    wanted = {
        name: jax.ShapeDtypeStruct(like.shape, like.dtype, sharding=like.sharding or here)
        for name, like in abstract.items()
    }
    return ocp.load(str(path), wanted)


def describe(path: str | Path) -> tuple[Shapes, dict[str, Any]]:
    """(name -> (shape, dtype), metadata) of a checkpoint, without reading its arrays.

    Raises:
        ValueError: no checkpoint, or one with missing or shortened files.
    """
    return _read(Path(path).absolute(), checksums=False)


def _read(path: Path, *, checksums: bool) -> tuple[Shapes, dict[str, Any]]:
    old = _beside(path, "replaced")
    if not path.exists() and old.exists():
        raise ValueError(
            f"{path} was being replaced when something stopped it; its earlier version is whole: "
            f"rename {old} back"
        )
    return index.read(path, checksums=checksums)


def _arrays(tree: Mapping[str, Any]) -> dict[str, Array | np.ndarray]:
    arrays = {name: x if isinstance(x, jax.Array) else np.asarray(x) for name, x in tree.items()}
    strange = [
        f"{name} is {x.dtype} {x.shape}"
        for name, x in arrays.items()
        if not x.size or not _holds_numbers(x.dtype)
    ]
    if strange:
        raise ValueError(
            f"only arrays of numbers, none of them empty, can be saved: {some(strange)}"
        )
    if not arrays:
        raise ValueError("there is nothing to save: the tree has no arrays")
    return arrays


def _holds_numbers(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.bool_) or jnp.issubdtype(dtype, jnp.number)


def _json(metadata: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return json.loads(json.dumps(dict(metadata)))
    except TypeError as error:
        raise ValueError(f"metadata is not what JSON can hold: {error}") from error


def _plain_files() -> ocp.Context:
    """Orbax without compression (8 % smaller at half the speed) and without the mesh's names."""
    context = ocp.Context()
    context.array.saving.use_compression = False
    context.array.saving.enable_write_sharding_file = False
    return context


def _put(new: Path, path: Path) -> None:
    """Renames `new` to `path`; what stood there steps aside first and is removed last."""
    replaced = _beside(path, "replaced")
    if path.exists():
        _remove(replaced)
        path.rename(replaced)
    new.rename(path)
    _remove(replaced)


def _beside(path: Path, state: str) -> Path:
    return path.with_name(f".{path.name}.{state}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


def _compare(path: Path, stored: Shapes, abstract: Mapping[str, Any]) -> None:
    """One error for all differences between what is stored and what is asked for."""
    differing = [
        f"{name} is {stored[name][1]} {stored[name][0]}, not {like.dtype} {tuple(like.shape)}"
        for name, like in abstract.items()
        if name in stored and not _fits(*stored[name], like)
    ]
    canonical = jax.dtypes.canonicalize_dtype
    troubles = {
        "missing in the checkpoint": [name for name in abstract if name not in stored],
        "only in the checkpoint": [name for name in stored if name not in abstract],
        "of another shape or kind": differing,
        "of 64 bits, with jax_enable_x64 off": [
            name for name, like in abstract.items() if canonical(like.dtype) != like.dtype
        ],
    }
    lines = [f"{len(names)} {what} ({some(names)})" for what, names in troubles.items() if names]
    if lines:
        raise ValueError(f"checkpoint {path} does not fit: " + "; ".join(lines))


def _fits(shape: tuple[int, ...], dtype: np.dtype, like: Any) -> bool:
    floats = jnp.issubdtype(dtype, jnp.floating) and jnp.issubdtype(like.dtype, jnp.floating)
    return shape == tuple(like.shape) and (floats or dtype == like.dtype)
