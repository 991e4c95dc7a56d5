"""safetensors files: a length, a header in JSON, then the bytes of every tensor.

Format: the safetensors README ("Format"). Written one tensor at a time, read as views.
"""

import json
import math
import os
import struct
from collections.abc import Mapping
from mmap import mmap
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vinf_jax.checkpoint.index import Shapes, some
from vinf_jax.checkpoint.tensor_file import View
from vinf_jax.checkpoint.torch_objects import DTYPES, MAX_AXES, MAX_CLAIM

MAX_HEADER = 100_000_000  # bytes, as in the public implementation
MAX_ITEMS = 4_000_000  # of the header; a tensor has about ten
TEXTS = "__metadata__"

KINDS = {
    "F64": DTYPES["float64"],
    "F32": DTYPES["float32"],
    "F16": DTYPES["float16"],
    "BF16": DTYPES["bfloat16"],
    "F8_E4M3": DTYPES["float8_e4m3fn"],
    "F8_E5M2": DTYPES["float8_e5m2"],
    "I64": DTYPES["int64"],
    "I32": DTYPES["int32"],
    "I16": DTYPES["int16"],
    "I8": DTYPES["int8"],
    "U64": DTYPES["uint64"],
    "U32": DTYPES["uint32"],
    "U16": DTYPES["uint16"],
    "U8": DTYPES["uint8"],
    "BOOL": DTYPES["bool"],
    "C64": DTYPES["complex64"],
}


def begins(head: bytes) -> bool:
    """Whether a file with these first bytes is a safetensors file, by its length and brace."""
    return len(head) > 8 and head[5:9] == b"\0\0\0{"


def views(file: mmap) -> tuple[dict[str, View], dict[str, str]]:
    """Every tensor in the header's order, and the texts of `__metadata__`.

    Raises:
        ValueError: a header that is too long, damaged, or does not cover the file's bytes once.
    """
    header, start = _header(file)
    texts = header.pop(TEXTS, {})
    if not isinstance(texts, dict) or not all(isinstance(x, str) for x in texts.values()):
        raise ValueError(f"{TEXTS} of its header holds something else than texts")
    found = {name: _view(name, entry, start) for name, entry in header.items()}
    behind, last = start, "the header"
    for name, view in sorted(found.items(), key=lambda item: (item[1].start, _nbytes(item[1]))):
        if view.start != behind:
            how = "overlaps with" if view.start < behind else "leaves a gap behind"
            raise ValueError(f"its tensor {name!r} {how} {last!r}")
        behind, last = view.start + _nbytes(view), name
    if behind != len(file):
        raise ValueError(f"it has {len(file)} bytes, its header describes {behind}; is it cut off?")
    return found, texts


def write_safetensors(
    path: str | Path,
    tensors: Mapping[str, Any],
    metadata: Mapping[str, str] | None = None,
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
        shapes: (shape, dtype) of every array.

    Raises:
        ValueError: a dtype that the format does not have, other arrays than `shapes` says, or
            metadata other than texts.
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
            stream.write(_written_header(shapes, order, texts))
            for name in order:
                _write(stream, name, tensors[name], shapes[name])
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _header(file: mmap) -> tuple[dict[str, Any], int]:
    """(header, first byte of the tensors)."""
    (size,) = struct.unpack_from("<Q", file, 0)
    if size > MAX_HEADER or 8 + size > len(file):
        raise ValueError(f"its header claims {size} bytes of the file's {len(file)}")
    text = file[8 : 8 + size]
    if sum(text.count(sign) for sign in (b"[", b"{", b",")) > MAX_ITEMS:
        raise ValueError(f"its header has more than {MAX_ITEMS} items")
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("its header is nested too deep") from None
    if not isinstance(header, dict):
        raise ValueError("its header is no list of tensors by name")
    return header, 8 + size


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("its header names something twice")
    return made


def _view(name: str, entry: Any, start: int) -> View:
    match entry:
        case {"dtype": str() as kind, "shape": list() as shape, "data_offsets": [begin, end]}:
            pass
        case _:
            raise ValueError(f"its tensor {name!r} is not described as the format asks")
    if kind not in KINDS:
        raise ValueError(
            f"its tensor {name!r} has dtype {kind[:20]!r}; {', '.join(KINDS)} are read"
        )
    if len(shape) > MAX_AXES or not all(type(n) is int and n >= 0 for n in (*shape, begin, end)):
        raise ValueError(f"its tensor {name!r} has no proper shape or offsets")
    dtype = KINDS[kind]
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"its tensor {name!r} of {kind} {shape} has {end - begin} bytes")
    steps = [math.prod(max(n, 1) for n in shape[axis + 1 :]) for axis in range(len(shape))]
    if math.prod(max(n, 1) for n in shape) * dtype.itemsize > MAX_CLAIM:
        raise ValueError(f"its tensor {name!r} claims a shape of more than {MAX_CLAIM} bytes")
    strides = tuple(step * dtype.itemsize for step in steps)
    return View(start + begin, dtype, tuple(shape), strides)


def _nbytes(view: View) -> int:
    return math.prod(view.shape) * view.dtype.itemsize


def _shapes(tensors: Mapping[str, Any]) -> Shapes:
    return {name: (tuple(x.shape), np.dtype(x.dtype)) for name, x in tensors.items()}


def _order(shapes: Shapes) -> list[str]:
    kinds = set(KINDS.values())
    strange = [f"{name} is {dtype}" for name, (_, dtype) in shapes.items() if dtype not in kinds]
    if strange:
        raise ValueError(f"a safetensors file has no such dtypes: {some(strange)}")
    if TEXTS in shapes:
        raise ValueError(f"no tensor of a safetensors file can be named {TEXTS}")
    return sorted(shapes, key=lambda name: -shapes[name][1].itemsize)


def _written_header(shapes: Shapes, order: list[str], texts: dict[str, str]) -> bytes:
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
    plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    stream.write(plain.reshape(-1).view(np.uint8).data)
