"""A checkpoint's arrays one at a time, as numpy arrays, for who does not need them all at once."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorstore as ts

from vinf_jax.checkpoint.index import ARRAYS, Shapes


class StoredArrays(Mapping[str, np.ndarray]):
    """Arrays by dotted name, in the order of saving; each is read when it is asked for, and not
    kept. `shape` and `dtype` read nothing."""

    def __init__(self, folder: Path, stored: Shapes) -> None:
        """stored: name -> (shape, dtype), of `index.read`."""
        self._stored = stored
        self._files = ts.KvStore.open(
            {"driver": "ocdbt", "base": {"driver": "file", "path": f"{folder / ARRAYS}/"}}
        ).result()

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._stored:
            raise KeyError(name)
        where = self._files.spec(retain_context=True).to_json() | {"path": f"{name}/"}
        array = ts.open({"driver": "zarr3", "kvstore": where}).result()
        found = tuple(array.shape), np.dtype(array.dtype.numpy_dtype)
        if found != self._stored[name]:
            raise ValueError(f"the checkpoint is damaged: {name} is {found}, not as described")
        return array.read().result()

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._stored[name][0]

    def dtype(self, name: str) -> np.dtype:
        return self._stored[name][1]
