"""Tensors of one or several files under names of our choice, read when they are asked for."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping

import numpy as np

from vinf_jax.checkpoint.tensor_file import TensorFile

Shape = tuple[int, ...]


class Tensors(Mapping[str, np.ndarray]):
    """A view of files: each name stands for a tensor of one of them."""

    def __init__(self, places: Mapping[str, tuple[TensorFile, str]]) -> None:
        self._places = dict(places)

    @classmethod
    def of(cls, file: TensorFile) -> "Tensors":
        """All tensors of a file, under its names."""
        return cls({name: (file, name) for name in file})

    def __getitem__(self, name: str) -> np.ndarray:
        file, stored = self._places[name]
        return file[stored]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def shape(self, name: str) -> Shape:
        """A tensor's shape, without reading it."""
        file, stored = self._places[name]
        return tuple(file.shape(stored))

    def dtype(self, name: str) -> np.dtype:
        """A tensor's dtype, without reading it."""
        file, stored = self._places[name]
        return file.dtype(stored)

    def shapes(self) -> dict[str, Shape]:
        """All shapes by name."""
        return {name: self.shape(name) for name in self}

    def behind(self, prefix: str) -> "Tensors":
        """Those whose names start with the prefix, without it."""
        places = self._places.items()
        return Tensors({n.removeprefix(prefix): p for n, p in places if n.startswith(prefix)})

    def under(self, prefix: str) -> "Tensors":
        """All of them, with a prefix before their names."""
        return Tensors({prefix + name: place for name, place in self._places.items()})

    def without(self, names: Container[str]) -> "Tensors":
        """All but those of these names."""
        return Tensors({n: place for n, place in self._places.items() if n not in names})

    def only(self, names: Container[str]) -> "Tensors":
        """Those of these names."""
        return Tensors({n: place for n, place in self._places.items() if n in names})

    def __or__(self, other: "Tensors") -> "Tensors":
        """Both together; their names must differ."""
        return Tensors(self._places | other._places)


class Watched(Mapping[str, np.ndarray]):
    """Some of a mapping's arrays, and perhaps somebody who is told each that is asked for."""

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        names: Iterable[str],
        told: Callable[[str, np.ndarray], object] = lambda name, x: None,
    ) -> None:
        self._arrays, self._names, self._told = arrays, dict.fromkeys(names), told

    def __getitem__(self, name: str) -> np.ndarray:
        x = self._arrays[name]
        self._told(name, x)
        return x

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Joined(Mapping[str, np.ndarray]):
    """Two mappings as one; where both have a name, the first."""

    def __init__(self, first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> None:
        self._first, self._second = first, second

    def __getitem__(self, name: str) -> np.ndarray:
        return self._first[name] if name in self._first else self._second[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self._first), **dict.fromkeys(self._second)})

    def __len__(self) -> int:
        return len(set(self._first) | set(self._second))
