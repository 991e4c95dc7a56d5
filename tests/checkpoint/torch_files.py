"""Files as torch.save writes them, without torch: numpy arrays in, pickles put together by hand.

A tree is a dictionary, list or tuple of arrays, plain values and the kinds below. Anything with
`shape`, `dtype` and `__array__` counts as an array and is made only when its bytes are written, so
a file may be larger than the memory. Nothing else of the library is used here.
"""

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

STORAGES = {
    np.dtype(np.float32): "FloatStorage",
    np.dtype(np.float16): "HalfStorage",
    np.dtype(ml_dtypes.bfloat16): "BFloat16Storage",
    np.dtype(np.float64): "DoubleStorage",
    np.dtype(np.int64): "LongStorage",
    np.dtype(np.int32): "IntStorage",
    np.dtype(np.int16): "ShortStorage",
    np.dtype(np.int8): "CharStorage",
    np.dtype(np.uint8): "ByteStorage",
    np.dtype(np.bool_): "BoolStorage",
    np.dtype(np.complex64): "ComplexFloatStorage",
    np.dtype(np.complex128): "ComplexDoubleStorage",
}
NEWER = {
    np.dtype(np.uint16): "uint16",
    np.dtype(np.uint32): "uint32",
    np.dtype(np.uint64): "uint64",
    np.dtype(ml_dtypes.float8_e4m3fn): "float8_e4m3fn",
    np.dtype(ml_dtypes.float8_e5m2): "float8_e5m2",
}
"""dtypes without a storage class: torch writes untyped storages and names the dtype."""


@dataclass(frozen=True)
class Made:
    """An array that is made when its bytes are written."""

    shape: tuple[int, ...]
    dtype: np.dtype
    make: Callable[[], np.ndarray]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.make()


@dataclass(frozen=True)
class Viewed:
    """A view of `base`, whose bytes are written once however many views it has."""

    base: Any
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Parameter:
    """An array as torch.nn.Parameter."""

    data: Any


@dataclass(frozen=True)
class Named:
    """A class or function by name, as it stands in a pickle."""

    module: str
    name: str


@dataclass(frozen=True)
class Called:
    """What `function` returns for these arguments, then filled with `items` and given `state`."""

    function: Named
    arguments: tuple = ()
    items: Mapping[str, Any] | None = None
    state: Any = None


@dataclass(frozen=True)
class Opcodes:
    """Bytes that go into the pickle as they are; they must push one value."""

    data: bytes


class Pickled:
    """The pickle of a tree (protocol 2, as torch's default) and the storages it names."""

    def __init__(self, tree: Any, *, legacy: bool = False) -> None:
        self.storages: dict[str, Any] = {}
        self._keys: dict[int, str] = {}
        self._legacy = legacy
        self._out = io.BytesIO()
        self._out.write(b"\x80\x02")
        self._put(tree)
        self._out.write(b".")
        self.data = self._out.getvalue()

    def _put(self, value: Any) -> None:
        write = self._out.write
        match value:
            case None:
                write(b"N")
            case bool():
                write(b"\x88" if value else b"\x89")
            case int():
                write(_integer(value))
            case float():
                write(b"G" + struct.pack(">d", value))
            case str():
                text = value.encode("utf-8")
                write(b"X" + struct.pack("<I", len(text)) + text)
            case Opcodes(data):
                write(data)
            case Named(module, name):
                write(f"c{module}\n{name}\n".encode())
            case Called():
                self._call(value.function, *value.arguments)
                if value.items is not None:
                    self._set(value.items)
                if value.state is not None:
                    self._put(value.state)
                    write(b"b")
            case tuple():
                write(b"(")
                for item in value:
                    self._put(item)
                write(b"t")
            case list():
                write(b"](")
                for item in value:
                    self._put(item)
                write(b"e")
            case Mapping():
                write(b"}")
                self._set(value)
            case Parameter(data):
                self._call(_utils("_rebuild_parameter"), data, True, _ordered())
            case Viewed(base, offset, shape, strides):
                self._tensor(base, offset, shape, strides)
            case _:
                self._tensor(value, 0, value.shape, _steps(value.shape))

    def _set(self, items: Mapping[Any, Any]) -> None:
        self._out.write(b"(")
        for key, item in items.items():
            self._put(key)
            self._put(item)
        self._out.write(b"u")

    def _call(self, function: Named, *arguments: Any) -> None:
        self._put(function)
        self._put(tuple(arguments))
        self._out.write(b"R")

    def _tensor(self, base: Any, offset: int, shape: tuple, strides: tuple) -> None:
        shape, strides, dtype = tuple(shape), tuple(strides), np.dtype(base.dtype)
        rest = (offset, shape, strides, False, _ordered())
        if dtype in STORAGES:
            storage = self._storage(base, Named("torch", STORAGES[dtype]), _count(base.shape))
            return self._call(_utils("_rebuild_tensor_v2"), storage, *rest)
        kind, size = Named("torch.storage", "UntypedStorage"), _count(base.shape) * dtype.itemsize
        storage = self._storage(base, kind, size)
        name = Named("torch", NEWER[dtype])
        return self._call(_utils("_rebuild_tensor_v3"), storage, *rest, name)

    def _storage(self, base: Any, kind: Named, count: int) -> Opcodes:
        key = self._keys.setdefault(id(base), str(len(self._keys)))
        self.storages[key] = base
        identity = ("storage", kind, key, "cpu", count, *([None] if self._legacy else []))
        return Opcodes(Pickled(identity).data[2:-1] + b"Q")


def write_zip(
    path: str | Path,
    tree: Any,
    *,
    root: str = "archive",
    byteorder: str = "little",
    records: Mapping[str, bytes] | None = None,
    pickled: bytes | None = None,
) -> None:
    """A file of torch.save since 1.6; `records` are written too, `pickled` replaces data.pkl."""
    made = Pickled(tree)
    plain = {
        f"{root}/data.pkl": pickled if pickled is not None else made.data,
        f"{root}/byteorder": byteorder.encode(),
        f"{root}/version": b"3\n",
        **(records or {}),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in plain.items():
            _write_record(archive, name, np.frombuffer(data, np.uint8))
        for key, base in made.storages.items():
            _write_record(archive, f"{root}/data/{key}", base)


def write_legacy(path: str | Path, tree: Any, *, little_endian: bool = True) -> None:
    """A file of torch.save before 1.6."""
    made = Pickled(tree, legacy=True)
    sizes = {"short": 2, "int": 4, "long": 4}
    facts = {"protocol_version": 1001, "little_endian": little_endian, "type_sizes": sizes}
    with Path(path).open("wb") as stream:
        for value in (0x1950A86A20F9469CFC6C, 1001, facts):
            stream.write(Pickled(value).data)
        stream.write(made.data)
        stream.write(Pickled(sorted(made.storages)).data)
        for key in sorted(made.storages):
            base = made.storages[key]
            untyped = np.dtype(base.dtype) in NEWER
            count = _count(base.shape) * (np.dtype(base.dtype).itemsize if untyped else 1)
            stream.write(struct.pack("<q", count))
            stream.write(_raw(base))


def state_dict(tensors: Mapping[str, Any]) -> Called:
    """The tensors as torch.nn.Module.state_dict() is pickled: an OrderedDict, and `_metadata`."""
    state = {"_metadata": {"": {"version": 1}}}
    return Called(Named("collections", "OrderedDict"), items=tensors, state=state)


def _write_record(archive: zipfile.ZipFile, name: str, base: Any) -> None:
    """One record, at a multiple of 64 bytes as torch aligns them."""
    info = zipfile.ZipInfo(name)
    info.file_size = _count(base.shape) * np.dtype(base.dtype).itemsize
    assert archive.fp is not None
    wide = 20 if info.file_size * 1.05 > zipfile.ZIP64_LIMIT else 0
    behind = archive.fp.tell() + 30 + len(name.encode()) + wide + 4
    info.extra = struct.pack("<HH", 0x4246, -behind % 64) + b"Z" * (-behind % 64)
    with archive.open(info, "w") as stream:
        stream.write(_raw(base))


def _raw(base: Any) -> memoryview:
    array = np.asarray(base)
    if (array.shape, array.dtype) != (tuple(base.shape), np.dtype(base.dtype)):
        raise ValueError(f"{array.dtype} {array.shape} was made, not {base.dtype} {base.shape}")
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(_count(shape[axis + 1 :]) for axis in range(len(shape)))


def _count(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _integer(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def _utils(name: str) -> Named:
    return Named("torch._utils", name)


def _ordered() -> Called:
    return Called(Named("collections", "OrderedDict"))
