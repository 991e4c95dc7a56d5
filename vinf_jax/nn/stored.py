"""Single networks as checkpoints: what kind, the constructor's arguments, the arrays."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
from flax import nnx

from vinf_jax.checkpoint import store
from vinf_jax.nn.parameters import abstract, merge, split

M = TypeVar("M", bound=nnx.Module)


def save(
    folder: str | Path,
    kind: str,
    arguments: Mapping[str, Any],
    arrays: Mapping[str, Any],
    *,
    provenance: Mapping[str, Any] | None = None,
    **how: Any,
) -> None:
    """Writes a network's arrays by dotted name.

    kind: says which network it is. arguments: of its constructor, what JSON can hold. provenance:
    where it comes from. how: see `vinf_jax.checkpoint.store.save`. Raises as that does.
    """
    note = {"kind": kind, "arguments": dict(arguments), "provenance": dict(provenance or {})}
    store.save(folder, arrays, metadata=note, **how)


def describe(folder: str | Path) -> dict[str, Any]:
    """The note of a checkpoint: "kind", "arguments", "provenance".

    Raises:
        ValueError: no checkpoint, or a damaged one.
    """
    _, note = store.describe(folder)
    return {"kind": None, "arguments": {}, "provenance": {}} | note


def load(folder: str | Path, kind: str, build: Callable[..., M], dtype: Any = None) -> M:
    """The network of a checkpoint, as `build(**arguments, rngs=rngs)` makes it.

    dtype: of its parameters; that of the constructor if not given.

    Raises:
        ValueError: no checkpoint, a damaged one, or one of another kind.
    """
    note = describe(folder)
    if note["kind"] != kind:
        raise ValueError(
            f"{folder} holds {note['kind']!r}, not {kind!r}; give the folder that "
            "python -m convert import made of the right weights"
        )
    graph, like = split(abstract(lambda rngs: build(**note["arguments"], rngs=rngs)))
    wanted = {name: jax.ShapeDtypeStruct(x.shape, dtype or x.dtype) for name, x in like.items()}
    return merge(graph, store.load(folder, wanted))
