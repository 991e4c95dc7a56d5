"""What a traced program computes and exchanges, counted from its equations before it is compiled.

The compiler's own analysis counts the body of a loop once; here it counts as often as it runs.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Exchange:
    """Messages of one kind: how many, and the bytes that a device receives by them."""

    count: int = 0
    received: float = 0

    def __add__(self, other: "Exchange") -> "Exchange":
        return Exchange(self.count + other.count, self.received + other.received)

    def __mul__(self, times: int) -> "Exchange":
        return Exchange(self.count * times, self.received * times)


@dataclass(frozen=True)
class Work:
    """flops: of one device, two per multiply-add of matrix products and convolutions. exchanged: by
    kind ("permute", "gather", "reduce", "scatter", "all-to-all"). endless: loops whose number of
    turns only the running program knows; they were counted as one turn.
    """

    flops: float = 0
    exchanged: Mapping[str, Exchange] = field(default_factory=dict)
    endless: int = 0

    @property
    def received(self) -> float:
        """Bytes that a device receives."""
        return sum(kind.received for kind in self.exchanged.values())

    def __add__(self, other: "Work") -> "Work":
        both = dict(self.exchanged)
        for kind, more in other.exchanged.items():
            both[kind] = both.get(kind, Exchange()) + more
        return Work(self.flops + other.flops, both, self.endless + other.endless)

    def __mul__(self, times: int) -> "Work":
        kinds = {kind: exchange * times for kind, exchange in self.exchanged.items()}
        return Work(self.flops * times, kinds, self.endless)


def work(program: Any) -> Work:
    """What one device does in a program: a jaxpr, such as `jax.jit(f).trace(...).jaxpr`.

    Inside a `shard_map` arrays are one device's parts, so this is one device's work; where nothing
    is mapped it is all of it. Of the branches of a condition the one with most FLOPs counts.
    """
    return _work(_open(program), {})


def _work(jaxpr: Any, axes: Mapping[Any, int]) -> Work:
    total = Work()
    for equation in jaxpr.eqns:
        total = total + _of(equation, axes)
    return total


def _of(equation: Any, axes: Mapping[Any, int]) -> Work:
    name, given = equation.primitive.name, equation.params
    if name in FLOPS:
        return Work(flops=FLOPS[name](equation))
    if name in KINDS:
        return _exchange(equation, axes)
    if name == "shard_map":
        axes = {**axes, **given["mesh"].shape}
    inside = [_work(jaxpr, axes) for jaxpr in _inside(given)]
    if not inside:
        return Work()
    if name == "cond":
        return max(inside, key=lambda branch: branch.flops)
    total = sum(inside, Work())
    if name == "scan":
        return total * given["length"]
    return total + Work(endless=int(name == "while"))


def _inside(given: Mapping[str, Any]) -> Iterator[Any]:
    """The programs among an equation's parameters."""
    for value in given.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            if hasattr(_open(one), "eqns"):
                yield _open(one)


def _open(program: Any) -> Any:
    """A jaxpr without its constants."""
    return getattr(program, "jaxpr", program)


def _product(equation: Any) -> float:
    """A matrix product: two FLOPs per multiply-add."""
    (contracted, _), _ = equation.params["dimension_numbers"]
    depth = math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
    return 2.0 * depth * equation.outvars[0].aval.size


def _convolution(equation: Any) -> float:
    """Every output sums over the kernel's taps and input channels, those on padding too."""
    kernel = equation.invars[1].aval
    outputs = kernel.shape[equation.params["dimension_numbers"].rhs_spec[0]]
    return 2.0 * equation.outvars[0].aval.size * kernel.size / outputs


def _attention(equation: Any) -> float:
    """cuDNN's, of query (N, T, heads, d): its two products."""
    query, key = (x.aval for x in equation.invars[:2])
    return 4.0 * query.size * key.shape[1]


FLOPS: dict[str, Callable[[Any], float]] = {
    "dot_general": _product,
    "conv_general_dilated": _convolution,
    "dot_product_attention_fwd_wrapper": _attention,
}
KINDS = {
    "ppermute": "permute",
    "all_gather": "gather",
    "all_gather_invariant": "gather",
    "psum": "reduce",
    "psum_invariant": "reduce",
    "pmax": "reduce",
    "pmin": "reduce",
    "reduce_scatter": "scatter",
    "all_to_all": "all-to-all",
}
RECEIVED: dict[str, Callable[[int, float], float]] = {
    "permute": lambda devices, size: size,
    "gather": lambda devices, size: (devices - 1) * size,
    "reduce": lambda devices, size: 2 * (devices - 1) / devices * size,
    "scatter": lambda devices, size: (devices - 1) / devices * size,
    "all-to-all": lambda devices, size: (devices - 1) / devices * size,
}
"""Bytes that a device receives when each gives `size` bytes; a reduction as in a ring."""


def _exchange(equation: Any, axes: Mapping[Any, int]) -> Work:
    kind, given = KINDS[equation.primitive.name], equation.params
    names = given.get("axes", given.get("axis_name", ()))
    names = names if isinstance(names, tuple | list) else (names,)
    devices = math.prod(axes.get(name, 1) for name in names)
    if devices == 1:
        return Work()
    size = sum(x.aval.size * x.aval.dtype.itemsize for x in equation.invars)
    return Work(exchanged={kind: Exchange(len(equation.invars), RECEIVED[kind](devices, size))})
