"""safetensors files, written one tensor at a time; `torch_file.open_tensors` reads them."""

import json
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vinf_jax.checkpoint.index import Shapes, some
from vinf_jax.checkpoint.safetensors_views import KINDS, TEXTS


def write_safetensors(
    path: str | Path,
    tensors: Mapping[str, Any],
    metadata: Mapping[str, Any] | None = None,
    *,
    shapes: Shapes | None = None,
) -> None:
    """Writes arrays by name; the file appears whole or not at all, and replaces an older one.

    Arrays of wide numbers come first, so that each is aligned; otherwise in the mapping's order.

    Args:
        path: the file; its folder must exist.
        tensors: numpy or jax arrays. Only one at a time is held: a mapping may make each when
            asked, which happens twice, or once where `shapes` is given.
        metadata: texts for the header.
        shapes: (shape, dtype) of every array that is to be written.

    Raises:
        ValueError: nothing to write, a dtype that the format does not have, other arrays than
            `shapes` says, or metadata other than texts.
        OSError: the file cannot be written.
    """
    path, texts = Path(path), dict(metadata or {})
    if not all(isinstance(x, str) for item in texts.items() for x in item):
        raise ValueError("metadata of a safetensors file are texts by name; got something else")
    shapes = shapes if shapes is not None else _shapes(tensors)
    order = _order(shapes)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as stream:
            stream.write(_header(shapes, order, texts))
            for name in order:
                _write(stream, name, tensors[name], shapes[name])
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _shapes(tensors: Mapping[str, Any]) -> Shapes:
    return {name: (tuple(x.shape), np.dtype(x.dtype)) for name, x in tensors.items()}


def _order(shapes: Shapes) -> list[str]:
    if not shapes:
        raise ValueError("there is nothing to write: no tensors")
    kinds = set(KINDS.values())
    strange = [f"{name} is {dtype}" for name, (_, dtype) in shapes.items() if dtype not in kinds]
    if strange:
        raise ValueError(f"a safetensors file has no such dtypes: {some(strange)}")
    if TEXTS in shapes:
        raise ValueError(f"no tensor of a safetensors file can be named {TEXTS}; rename it")
    return sorted(shapes, key=lambda name: -shapes[name][1].itemsize)


def _header(shapes: Shapes, order: list[str], texts: dict[str, str]) -> bytes:
    """Length and header, padded so that the tensors begin at a multiple of eight."""
    kinds = {dtype: kind for kind, dtype in KINDS.items()}
    header: dict[str, Any] = {TEXTS: texts} if texts else {}
    begin = 0
    for name in order:
        shape, dtype = shapes[name]
        end = begin + math.prod(shape) * dtype.itemsize
        header[name] = {"dtype": kinds[dtype], "shape": shape, "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _write(stream: BinaryIO, name: str, tensor: Any, like: tuple[tuple[int, ...], Any]) -> None:
    array = np.asarray(tensor)
    if (array.shape, array.dtype) != like:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not {like[1]} {like[0]} as said")
    stream.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
