"""safetensors files as views: a length, a header in JSON, then the bytes of every tensor.

Format: the safetensors README ("Format"); the header must account for every byte once.
"""

import json
import math
import struct
from mmap import mmap
from typing import Any

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
    """Whether a file with these first bytes is a safetensors file: its header is JSON."""
    return head[8:9] == b"{" and not head.startswith(b"PK")


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
    if not found:
        raise ValueError("its header names no tensors")
    _refuse_gaps(found, start, len(file))
    return found, texts


def _header(file: mmap) -> tuple[dict[str, Any], int]:
    """(header, first byte of the tensors)."""
    (size,) = struct.unpack_from("<Q", file, 0)
    if size > MAX_HEADER or 8 + size > len(file):
        raise ValueError(
            f"its header claims {size} bytes; at most {MAX_HEADER} are read, and the file has "
            f"{len(file)}"
        )
    text = file[8 : 8 + size]
    if sum(text.count(sign) for sign in (b"[", b"{", b",")) > MAX_ITEMS:
        raise ValueError(f"its header has more than {MAX_ITEMS} items")
    try:
        header = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_once,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except RecursionError:
        raise ValueError("its header is nested too deep") from None
    except UnicodeDecodeError:
        raise ValueError("its header is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"its header is no JSON: {error.msg}") from None
    if not isinstance(header, dict):
        raise ValueError("its header is no list of tensors by name")
    return header, 8 + size


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("its header names something twice")
    return made


def _refuse_number(text: str) -> None:
    raise ValueError(f"its header has the number {text[:20]}, which is no integer")


def _view(name: str, entry: Any, start: int) -> View:
    what = f"its tensor {name[:80]!r}"
    match entry:
        case {"dtype": str() as kind, "shape": list() as shape, "data_offsets": [begin, end]}:
            pass
        case _:
            raise ValueError(f"{what} is not described as the format asks")
    if kind not in KINDS:
        raise ValueError(f"{what} has dtype {kind[:20]!r}; {', '.join(KINDS)} are read")
    if len(shape) > MAX_AXES or not all(_size(n) for n in (*shape, begin, end)):
        raise ValueError(f"{what} has no proper shape or offsets")
    dtype = KINDS[kind]
    if math.prod(max(n, 1) for n in shape) * dtype.itemsize > MAX_CLAIM:
        raise ValueError(f"{what} claims a shape of more than {MAX_CLAIM} bytes")
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{what} of {kind} {shape} has {end - begin} bytes")
    steps = [math.prod(max(n, 1) for n in shape[axis + 1 :]) for axis in range(len(shape))]
    strides = tuple(step * dtype.itemsize for step in steps)
    return View(start + begin, dtype, tuple(shape), strides)


def _size(number: Any) -> bool:
    return type(number) is int and 0 <= number < MAX_CLAIM


def _refuse_gaps(found: dict[str, View], start: int, size: int) -> None:
    behind, last = start, "the header"
    for name, view in sorted(found.items(), key=lambda item: (item[1].start, item[1].nbytes)):
        if view.start != behind:
            how = "overlaps with" if view.start < behind else "leaves a gap behind"
            raise ValueError(f"its tensor {name[:80]!r} {how} {last[:80]!r}")
        behind, last = view.start + view.nbytes, name
    if behind != size:
        raise ValueError(f"it has {size} bytes, its header describes {behind}; is it cut off?")
