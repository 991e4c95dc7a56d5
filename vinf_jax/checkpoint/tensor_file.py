"""Tensors of one file by name: views of the mapped file, made when asked for."""

import math
from collections.abc import Iterator, Mapping
from mmap import mmap
from pathlib import Path
from typing import NamedTuple

import numpy as np


class View(NamedTuple):
    """Where an array lies in a file: first byte, and steps in bytes along each axis."""

    start: int
    dtype: np.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def array(self, file: mmap) -> np.ndarray:
        """A read-only array of the file's own bytes."""
        if 0 in self.shape:
            array = np.empty(self.shape, self.dtype)
            array.flags.writeable = False
            return array
        return np.ndarray(self.shape, self.dtype, file, self.start, self.strides)


class TensorFile(Mapping[str, np.ndarray]):
    """The tensors of a weight file by name, in the file's order; `vinf_jax.checkpoint.torch_file`.

    `shape` and `dtype` read no data. `file[name]` maps the bytes and copies nothing; the array is
    read-only and perhaps strided or unaligned. The file must not be shortened while it is in use.

    Attributes:
        path: the file.
        form: "zip", "legacy" or "safetensors".
        wrapper: "", or the entry that the tensors were found in: "state_dict", or "module", whose
            names have lost DeepSpeed's "_forward_module.".
        left_out: entries beside the tensors that were not read (epoch, optimizer_states, ...).
        metadata: the texts of a safetensors file.
    """

    def __init__(
        self,
        path: Path,
        file: mmap,
        form: str,
        views: Mapping[str, View],
        *,
        wrapper: str = "",
        left_out: tuple[str, ...] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.path, self.form, self.wrapper, self.left_out = path, form, wrapper, left_out
        self.metadata = dict(metadata or {})
        self._file, self._views = file, dict(views)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._views[name].shape

    def dtype(self, name: str) -> np.dtype:
        return self._views[name].dtype

    def __getitem__(self, name: str) -> np.ndarray:
        return self._views[name].array(self._file)

    def __contains__(self, name: object) -> bool:
        return name in self._views

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)
