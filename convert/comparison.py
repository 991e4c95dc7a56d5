"""Whether two models are the same, tensor by tensor."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .model import OURS, Model
from .naming import fits
from .tensors import Watched

DECIDING = {"prediction": "unet", "latent_scale": "autoencoder"}
"""Settings that are facts of a network; the others are choices of who samples it."""


@dataclass
class Part:
    """The tensors that both have under a name, and a digest of each side."""

    name: str
    tensors: int = 0
    parameters: int = 0
    digests: tuple[Any, Any] = field(
        default_factory=lambda: (hashlib.sha256(), hashlib.sha256()), repr=False
    )

    def line(self) -> str:
        """For people."""
        first, second = (digest.hexdigest()[:16] for digest in self.digests)
        same = f"SHA-256 {first}... of both" if first == second else f"SHA-256 {first}, {second}"
        return f"{self.name}: {self.tensors} tensors, {self.parameters:,} numbers, {same}"


@dataclass
class Comparison:
    """notes: what is no difference, but worth saying."""

    parts: list[Part] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def compare(first: Model, second: Model, told: Callable[[str, np.ndarray], object]) -> Comparison:
    """Everything in which two models differ; where the second has another dtype, after rounding the
    first to it. `told` hears every array of the first."""
    found = Comparison()
    for part in sorted({*first.arguments, *second.arguments}):
        if part not in first.arguments or part not in second.arguments:
            owner = first if part in first.arguments else second
            found.differences.append(f"only {owner.path} has {part}")
            continue
        found.differences += _argument_differences(part, first, second)
        one, other = ([n for n in m.shapes if n.startswith(f"{part}.")] for m in (first, second))
        _numbers(found, part, Watched(first.arrays, one, told), Watched(second.arrays, other))
    shared = [name for name in first.kept if name in second.kept]
    _numbers(found, "kept", Watched(first.kept, shared, told), Watched(second.kept, shared))
    missing = _missing(first, second) + _missing(second, first)
    found.differences += missing
    homeless = len(first.kept) + len(second.kept) - 2 * len(shared) - len(missing)
    if homeless:
        found.notes.append(f"kept: {homeless} tensors have no place in the other's layout")
    if first.schedule != second.schedule:
        found.differences.append("the noise schedules")
    found.differences += _sampling_differences(first, second)
    if first.vocabulary and second.vocabulary and first.vocabulary != second.vocabulary:
        found.differences.append("the tokenizers")
    return found


def _sampling_differences(first: Model, second: Model) -> list[str]:
    """Of the settings that decide what networks make, where both models have the network."""
    pairs = [
        (name, *(getattr(model.settings, name, None) for model in (first, second)))
        for name, part in DECIDING.items()
        if part in first.arguments and part in second.arguments
    ]
    return [f"{name} is {one!r} and {other!r}" for name, one, other in pairs if one != other]


def _argument_differences(part: str, first: Model, second: Model) -> list[str]:
    one, other = first.arguments[part], second.arguments[part]
    return [
        f"{part}: {name} is {one.get(name)!r} and {other.get(name)!r}"
        for name in sorted({*one, *other})
        if _plain(one.get(name)) != _plain(other.get(name))
    ]


def _numbers(
    found: Comparison,
    title: str,
    first: Mapping[str, np.ndarray],
    second: Mapping[str, np.ndarray],
) -> None:
    """Compares two sets of arrays, each of which is read once."""
    part = Part(title)
    rounded: Counter[str] = Counter()
    for name in sorted({*first, *second}):
        if name not in first or name not in second:
            found.differences.append(f"{name} is in one of the two only")
            continue
        x, y = first[name], second[name]
        part.tensors += 1
        part.parameters += x.size
        if x.dtype != y.dtype:
            rounded[f"{x.dtype} and {y.dtype}"] += 1
            x = x.astype(y.dtype)
        digests = [_digest(name, array) for array in (x, y)]
        for whole, digest in zip(part.digests, digests, strict=True):
            whole.update(digest)
        if digests[0] != digests[1]:
            found.differences.append(f"{name}{_how(x, y)}")
    found.parts += [part] if part.tensors else []
    found.notes += [
        f"{title}: {n} tensors are {kinds}; compared after rounding to the second"
        for kinds, n in rounded.items()
    ]


def _digest(name: str, x: np.ndarray) -> bytes:
    plain = np.ascontiguousarray(x)
    head = f"{name} {x.dtype.name} {x.shape}".encode()
    numbers = hashlib.sha256(plain.reshape(-1).view(np.uint8).data)
    return hashlib.sha256(head + numbers.digest()).digest()


def _how(x: np.ndarray, y: np.ndarray) -> str:
    if x.shape != y.shape:
        return f" has shape {x.shape} and {y.shape}"
    apart = np.abs(x.astype(np.float64) - y.astype(np.float64))
    return f" by up to {np.max(apart, initial=0.0):.3g}"


def _missing(owner: Model, other: Model) -> list[str]:
    """Kept tensors of one that the other lacks, although its layout has a place for them; what
    PVDM's networks compute anyway may be missing."""
    lacking = [
        name
        for name in owner.kept
        if name not in other.kept
        if "pvdm" not in owner.family.layouts or not fits(name, "pvdm", owner.arguments)
    ]
    everything = other.layout == OURS or other.layout == owner.layout != "lvdm"
    return [
        f"{name}, which is kept, is in {owner.path} only"
        for name in lacking
        if everything or (other.layout == "lvdm" and fits(name, "lvdm", other.arguments))
    ]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
