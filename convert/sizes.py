"""What the shapes of stored tensors say about the network that they belong to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MOST = 1000
"""Layers or blocks of one kind."""


@dataclass(frozen=True)
class Sizes:
    """The shapes of a component's tensors, by stored name."""

    shapes: Mapping[str, tuple[int, ...]]

    def __contains__(self, name: object) -> bool:
        return name in self.shapes

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def axis(self, name: str, axis: int) -> int:
        """The length of one axis of a tensor.

        Raises:
            ValueError: the tensor is missing, or has no such axis or nothing along it.
        """
        if name not in self.shapes:
            raise ValueError(f"{name} is missing; its shape says how large the network is")
        shape = self.shapes[name]
        if axis >= len(shape) or not shape[axis]:
            raise ValueError(
                f"{name} has shape {tuple(shape)}; axis {axis} should say how large the network is"
            )
        return shape[axis]

    def count(self, pattern: str) -> int:
        """How many of the names pattern.format(0), pattern.format(1), ... follow without a gap.

        Raises:
            ValueError: not even the first is there, or more than any network has.
        """
        number = 0
        while pattern.format(number) in self.shapes:
            number += 1
            if number > MOST:
                raise ValueError(f"{pattern.format(number)} is there; no network has so many")
        if not number:
            raise ValueError(f"{pattern.format(0)} is missing; there should be at least one")
        return number
