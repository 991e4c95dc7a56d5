"""Files of torch.save before 1.6: pickles in a row, then every storage with its length.

The pickles are a magic number, a version, facts about the machine, the object, the storages' keys.
"""

import struct
from collections.abc import Callable
from functools import partial
from io import BytesIO
from mmap import mmap
from typing import Any

from vinf_jax.checkpoint.pickle_literals import MAX_BYTES
from vinf_jax.checkpoint.torch_objects import Storage, unpickle

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001


def read(file: mmap) -> tuple[Any, Callable[[Storage], int]]:
    """(the saved object, the place of a storage's first byte in the file).

    Raises:
        ValueError: a pickle that torch did not write, of a big-endian machine, damaged or cut off.
    """
    stream = BytesIO(file[:MAX_BYTES])
    if not _is(MAGIC, unpickle(stream)[0]):
        raise ValueError("it is a pickle, but none that torch.save wrote")
    version, facts = unpickle(stream)[0], unpickle(stream)[0]
    if not _is(VERSION, version):
        raise ValueError(f"its version is not {VERSION}, the only one that torch wrote")
    if not isinstance(facts, dict) or facts.get("little_endian") is not True:
        raise ValueError("it does not say that its bytes are little-endian")
    described, storages = unpickle(stream)
    keys = _keys(unpickle(stream)[0], storages)
    starts = _starts(file, stream.tell(), keys, storages)
    return described, partial(_place, starts)


def _place(starts: dict[str, int], storage: Storage) -> int:
    return starts[storage.key]


def _is(expected: int, found: Any) -> bool:
    return isinstance(found, int) and found == expected


def _keys(keys: Any, storages: dict[str, Storage]) -> list[str]:
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("its list of storages is damaged")
    if len(set(keys)) != len(keys) or set(keys) != set(storages):
        raise ValueError("its list of storages is not that of its tensors")
    return keys


def _starts(
    file: mmap, place: int, keys: list[str], storages: dict[str, Storage]
) -> dict[str, int]:
    starts = {}
    for key in keys:
        storage = storages[key]
        if place + 8 > len(file):
            raise ValueError(f"it ends before storage {key}; is it cut off?")
        (count,) = struct.unpack_from("<q", file, place)
        if count != storage.count:
            raise ValueError(f"storage {key} has {count} elements, its tensors say {storage.count}")
        starts[key] = place + 8
        place += 8 + storage.nbytes
    if place != len(file):
        raise ValueError(f"it has {len(file)} bytes, its storages end at {place}; is it cut off?")
    return starts
