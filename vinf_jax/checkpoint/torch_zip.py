"""Files of torch.save since 1.6: a zip archive of one pickle and of raw storages.

ROOT/data.pkl describes the object, ROOT/data/KEY holds the bytes of a storage.
"""

from collections.abc import Callable
from functools import partial
from io import BytesIO
from mmap import mmap
from typing import Any

from vinf_jax.checkpoint import zip_records
from vinf_jax.checkpoint.pickle_literals import MAX_BYTES
from vinf_jax.checkpoint.torch_objects import Storage, unpickle
from vinf_jax.checkpoint.zip_records import Record


def read(file: mmap) -> tuple[Any, Callable[[Storage], int]]:
    """(the saved object, the place of a storage's first byte in the file).

    Raises:
        ValueError: no such archive, a damaged one, a program (TorchScript), or one of a
            big-endian machine; the place of a storage that is missing or too short.
    """
    found = zip_records.records(file)
    root = _root(found)
    order = _bytes(file, found.get(f"{root}/byteorder"), 16)
    if order not in (None, b"little"):
        raise ValueError(f"its byte order is {order!r}; only b'little' is read")
    described, _ = unpickle(BytesIO(_bytes(file, found[f"{root}/data.pkl"], MAX_BYTES) or b""))
    return described, partial(_place, found, root)


def _place(found: dict[str, Record], root: str, storage: Storage) -> int:
    record = found.get(f"{root}/data/{storage.key}")
    if record is None or record.size < storage.nbytes:
        size = "missing" if record is None else f"{record.size} bytes"
        raise ValueError(f"storage {storage.key} needs {storage.nbytes} bytes, but is {size}")
    return record.start


def _root(found: dict[str, Record]) -> str:
    pickles = [name for name in found if name.rpartition("/")[2] == "data.pkl"]
    if len(pickles) != 1:
        raise ValueError(f"its archive holds {len(pickles)} files data.pkl; torch writes one")
    root, _, _ = pickles[0].rpartition("/")
    programs = (f"{root}/constants.pkl", f"{root}/code/")
    if any(name.startswith(programs) for name in found):
        raise ValueError("it is TorchScript, a program and no plain weights; save a state_dict")
    return root


def _bytes(file: mmap, record: Record | None, most: int) -> bytes | None:
    if record is None:
        return None
    if record.size > most:
        raise ValueError(f"a description of {record.size} bytes is above {most}")
    return file[record.start : record.start + record.size]
