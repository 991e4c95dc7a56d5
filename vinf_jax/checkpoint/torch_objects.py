"""What PyTorch's pickles say of tensors: storages, views of them, and the names that are known."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, no_type_check

import ml_dtypes
import numpy as np

from vinf_jax.checkpoint.pickle_machine import Call, Machine, Names

MAX_AXES = 64
MAX_KEY = 256  # characters of a storage's key
MAX_CLAIM = 2**60  # bytes

DTYPES = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float64": np.dtype("<f8"),
    "int64": np.dtype("<i8"),
    "int32": np.dtype("<i4"),
    "int16": np.dtype("<i2"),
    "int8": np.dtype("i1"),
    "uint8": np.dtype("u1"),
    "bool": np.dtype("?"),
    "uint16": np.dtype("<u2"),
    "uint32": np.dtype("<u4"),
    "uint64": np.dtype("<u8"),
    "complex64": np.dtype("<c8"),
    "complex128": np.dtype("<c16"),
    "float8_e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "float8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
}
STORAGES = {
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "DoubleStorage": "float64",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}


@no_type_check  # as pickle_literals.Literals, once per tensor
@dataclass(frozen=True)
class Storage:
    """A run of `count` elements that the file holds under `key`."""

    key: str
    dtype: np.dtype
    count: int

    @property
    def nbytes(self) -> int:
        return self.count * self.dtype.itemsize


@no_type_check
@dataclass(frozen=True)
class Tensor:
    """A view of a storage, known to lie inside it; offset and strides in elements of `dtype`."""

    storage: Storage
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class StorageType:
    """A storage class of torch, by the kind of its elements."""

    dtype: np.dtype


@dataclass(frozen=True)
class Kind:
    """A dtype of torch."""

    dtype: np.dtype


def unpickle(stream: BytesIO) -> tuple[Any, dict[str, Storage]]:
    """One pickle of torch from where `stream` stands: (object, storages that it names).

    Raises:
        ValueError: a pickle that is damaged, too large or asks for something unknown of storages.
    """
    storages: dict[str, Storage] = {}
    return Machine(stream, NAMES, partial(_storage, storages)).run(), storages


def _storage(known: dict[str, Storage], identity: Any) -> Storage:
    """The storage of a persistent id, which every tensor of it names in the same way."""
    match identity:
        case ("storage", StorageType(dtype), str() as key, _, int() as count, *views):
            pass
        case _:
            raise ValueError("a storage is not described as torch does it")
    if len(key) > MAX_KEY or count < 0:
        raise ValueError("a storage has a key or a size that torch never gives")
    if views not in ([], [None]):
        raise ValueError(f"storage {key} is a view of another, as only very old torch wrote")
    storage = Storage(key, dtype, count)
    if known.setdefault(key, storage) != storage:
        raise ValueError(f"storage {key} is described in two ways")
    return storage


def _tensor(args: tuple) -> Tensor:
    match args:
        case (Storage() as storage, int() as offset, tuple() as shape, tuple() as strides, *more):
            _refuse_bits(more[2:])
            return _view(storage, storage.dtype, offset, shape, strides)
    raise ValueError("a tensor is not described as torch does it")


def _tensor_of_dtype(args: tuple) -> Tensor:
    match args:
        case (
            Storage() as storage,
            int() as offset,
            tuple() as shape,
            tuple() as strides,
            _,
            _,
            Kind(dtype),
            *more,
        ):
            _refuse_bits(more)
            return _view(storage, dtype, offset, shape, strides)
    raise ValueError("a tensor of a newer dtype is not described as torch does it")


def _refuse_bits(more: Sequence[Any]) -> None:
    """A tensor may be the negative, or the conjugate, of what is stored."""
    for said in more:
        if isinstance(said, dict) and (bits := [name for name, on in said.items() if on]):
            raise ValueError(f"a tensor is a view ({', '.join(map(str, bits))}) of another")


def _view(storage: Storage, dtype: np.dtype, offset: int, shape: tuple, strides: tuple) -> Tensor:
    what = f"a tensor of storage {storage.key}"
    if len(shape) != len(strides) or len(shape) > MAX_AXES:
        raise ValueError(f"{what} has {len(shape)} sizes and {len(strides)} strides")
    if not all(isinstance(n, int) for n in (*shape, *strides)):
        raise ValueError(f"{what} has sizes or strides that are no integers")
    if min((offset, *shape, *strides)) < 0:
        raise ValueError(f"{what} has a negative offset, size or stride")
    reach = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) + 1
    if 0 not in shape and reach * dtype.itemsize > storage.nbytes:
        raise ValueError(
            f"{what} reaches byte {reach * dtype.itemsize}, but its storage has {storage.nbytes}"
        )
    if math.prod(max(n, 1) for n in shape) * dtype.itemsize > MAX_CLAIM:
        raise ValueError(f"{what} claims a shape of more than {MAX_CLAIM} bytes")
    return Tensor(storage, dtype, offset, shape, strides)


def _parameter(args: tuple) -> Any:
    match args:
        case (Tensor() as tensor, *_):
            return tensor
    raise ValueError("a parameter is not described as torch does it")


def _size(args: tuple) -> tuple:
    match args:
        case (tuple() as sizes,):
            return sizes
    raise ValueError("a torch.Size is not described as torch does it")


def _calls() -> dict[tuple[str, str], Call]:
    functions: dict[str, Callable[[tuple], Any]] = {
        "_rebuild_tensor": _tensor,
        "_rebuild_tensor_v2": _tensor,
        "_rebuild_tensor_v3": _tensor_of_dtype,
        "_rebuild_parameter": _parameter,
        "_rebuild_parameter_with_state": _parameter,
    }
    return {("torch._utils", name): Call(function) for name, function in functions.items()}


NAMES: Names = {
    **_calls(),
    ("torch", "Size"): Call(_size),
    **{("torch", name): Kind(dtype) for name, dtype in DTYPES.items()},
    **{("torch", name): StorageType(DTYPES[kind]) for name, kind in STORAGES.items()},
    ("torch.storage", "UntypedStorage"): StorageType(DTYPES["uint8"]),
}
