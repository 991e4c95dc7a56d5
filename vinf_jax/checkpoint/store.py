"""Checkpoints on disk: flat dictionaries of arrays, through Orbax's v1 API.

A checkpoint is an Orbax folder with one file of ours in it (see `index`). It is written under
another name and renamed when whole, so what stands under its final name is finished.
"""

import contextlib
import json
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vinf_jax.checkpoint import batches, index
from vinf_jax.checkpoint.batches import OnArray
from vinf_jax.checkpoint.index import Shapes, some
from vinf_jax.checkpoint.stored import StoredArrays


def save(
    path: str | Path,
    tree: Mapping[str, Any],
    *,
    metadata: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    dtype: Any = None,
    beside: Mapping[str, Callable[[Path], object]] | None = None,
    on_array: OnArray | None = None,
) -> None:
    """Writes arrays by dotted name; they appear at `path` together or not at all.

    Args:
        path: the checkpoint's folder; folders above it are made if missing.
        tree: jax arrays, on any mesh of this one process, or numpy arrays. Each is asked for once,
            in order, and let go of soon: a mapping that makes or reads arrays when asked is stored
            in bounded memory, whatever its size.
        metadata: anything that JSON can hold, for `describe`.
        overwrite: replace a checkpoint that is there; until the new one is whole the old one stays.
        dtype: of the floats on disk; as they are if not given.
        beside: further files of the folder, by relative path, and what writes each; they come
            after the arrays and are guarded by checksums like these.
        on_array: told the name and bytes of every array that is written.

    Raises:
        ValueError: arrays or metadata that cannot be stored, all named.
        OSError: the path exists and `overwrite` is false, or it is a folder with files of others,
            or it cannot be written.
    """
    path, note = Path(path).absolute(), _json(metadata or {})
    if not tree:
        raise ValueError("there is nothing to save: the tree has no arrays")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; overwrite=True replaces it")
    if path.exists() and (foreign := index.foreign(path)):
        raise FileExistsError(
            f"{path} holds what is no part of a checkpoint ({some(foreign)}), which nothing "
            "replaces; move that away, or save somewhere else"
        )
    try:
        with whole(path) as new:
            written = batches.write(new, _numbers(tree, dtype), on_array)
            for name, write in (beside or {}).items():
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                write(new / name)
            index.write(new, written, note)
    except OSError as error:
        raise OSError(f"checkpoint {path} cannot be written: {error}") from error


def load(path: str | Path, abstract: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays of a checkpoint, laid out as `abstract` says.

    Args:
        path: the checkpoint's folder.
        abstract: the same names to jax.ShapeDtypeStruct. Its dtype is that of the result (floats
            may be cast), its sharding too; without one, arrays come to the default device.

    Raises:
        ValueError: no checkpoint, an unfinished or damaged one, or other names, shapes or kinds
            of numbers than asked for, or numbers too large for the dtype asked for.
    """
    path = Path(path).absolute()
    stored, _ = _read(path, checksums=True)
    _compare(path, stored, abstract)
    here = jnp.zeros(()).sharding
    wanted = {
        name: jax.ShapeDtypeStruct(like.shape, like.dtype, sharding=like.sharding or here)
        for name, like in abstract.items()
    }
    found = batches.read(path, wanted)
    _refuse_overflow(path, stored, found)
    return found


def arrays(path: str | Path) -> StoredArrays:
    """The arrays of a checkpoint as numpy arrays, each read when it is asked for.

    Raises:
        ValueError: no checkpoint, an unfinished or damaged one.
    """
    path = Path(path).absolute()
    stored, _ = _read(path, checksums=True)
    return StoredArrays(path, stored)


def describe(path: str | Path) -> tuple[Shapes, dict[str, Any]]:
    """(name -> (shape, dtype), metadata) of a checkpoint, without reading its arrays.

    Raises:
        ValueError: no checkpoint, or one with missing or shortened files.
    """
    return _read(Path(path).absolute(), checksums=False)


@contextlib.contextmanager
def whole(path: Path) -> Generator[Path]:
    """Where to make a folder that takes the place of `path` when the block ends well.

    Folders above are made if missing. What stood at `path` stays until then; whatever goes wrong,
    nothing unfinished is left behind.
    """
    unfinished = _beside(path, "unfinished")
    try:
        _remove(unfinished)
        unfinished.mkdir(parents=True)
        yield unfinished / path.name
        _put(unfinished / path.name, path)
    finally:
        _remove(unfinished)


def _read(path: Path, *, checksums: bool) -> tuple[Shapes, dict[str, Any]]:
    old = _beside(path, "replaced")
    if not path.exists() and old.exists():
        raise ValueError(
            f"{path} was being replaced when something stopped it; its earlier version is whole: "
            f"rename {old} back"
        )
    return index.read(path, checksums=checksums)


def _refuse_overflow(path: Path, stored: Shapes, found: Mapping[str, Array]) -> None:
    """Finite numbers must not have become infinite in float16, whose largest is 65,504."""
    narrowed = (name for name, x in found.items() if x.dtype == jnp.float16 != stored[name][1])
    broken = {name: n for name in narrowed if (n := int(jnp.isinf(found[name]).sum()))}
    if not broken:
        return
    kept = StoredArrays(path, stored)
    large = [name for name, n in broken.items() if n > int(np.isinf(kept[name]).sum())]
    if large:
        raise ValueError(f"dtype: float16 is too narrow for numbers of {some(large)} in {path}")


def _numbers(tree: Mapping[str, Any], dtype: Any) -> Iterator[tuple[str, Array | np.ndarray]]:
    """The arrays of a tree, floats in `dtype`. From the first one on that cannot be stored there
    come no more, only one error at the end for all of them."""
    strange, large = [], []
    for name, x in tree.items():
        x = x if isinstance(x, jax.Array) else np.asarray(x)
        if not x.size or not _holds_numbers(x.dtype):
            strange.append(f"{name} is {x.dtype} {x.shape}")
            continue
        y = x if dtype is None else _cast(x, dtype)
        if y is not x and np.isinf(y).any() and not np.isinf(x).any():
            large.append(name)
        if not strange and not large:
            yield name, y
    if strange:
        raise ValueError(
            f"only arrays of numbers, none of them empty, can be saved: {some(strange)}"
        )
    if large:
        raise ValueError(f"dtype: {jnp.dtype(dtype)} is too narrow for numbers of {some(large)}")


def _cast(x: Array | np.ndarray, dtype: Any) -> Array | np.ndarray:
    """Floats in another dtype, anything else as it is."""
    if not jnp.issubdtype(x.dtype, jnp.floating) or x.dtype == dtype:
        return x
    with np.errstate(over="ignore", invalid="ignore"):
        return x.astype(dtype)


def _holds_numbers(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.bool_) or jnp.issubdtype(dtype, jnp.number)


def _json(metadata: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return json.loads(json.dumps(dict(metadata)))
    except TypeError as error:
        raise ValueError(f"metadata is not what JSON can hold: {error}") from error


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
