"""Weights of a model folder for training to begin with: further training, or other clips."""

import inspect
import json
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from vinf_jax.checkpoint import store
from vinf_jax.systems.pvdm.folder import NETWORKS, describe, spelled


def begun(folder: str, part: str, fresh: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the folder's network `part`, laid out as fresh ones; these, if no folder is
    named, and where tokens lie, if the folder's network does not know it. Raises ValueError for a
    damaged folder; see `troubles` first."""
    if not folder:
        return fresh
    arrays = store.arrays(folder)
    had = [name for name in fresh if f"{part}.{name}" in arrays or ".places." not in name]
    return fresh | {n: jnp.asarray(arrays[f"{part}.{n}"], fresh[n].dtype) for n in had}


def troubles(field: str, folder: str, part: str, wanted: Mapping[str, Any]) -> list[str]:
    """What keeps the network `part` of a folder from being one that these arguments build."""
    if not folder:
        return []
    try:
        stored = describe(folder)["arguments"]
    except ValueError as error:
        return [f"{field}: {error}"]
    if part not in stored:
        return [f"{field}: {folder} holds only {' and '.join(stored)}, no {part}"]
    has, asked = (_whole(part, arguments) for arguments in (stored[part], wanted))
    return [
        f"{field}: the {part} of {folder} has {name} {has[name]}, the config says {asked[name]}"
        for name in asked
        if has[name] != asked[name] and not (name == "positions" and asked[name])
    ]


def _whole(part: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with the constructor's defaults, as JSON holds them."""
    fields = inspect.signature(NETWORKS[part].__init__).parameters.values()
    defaults = {f.name: f.default for f in fields if f.default is not f.empty}
    return json.loads(json.dumps(spelled(part, defaults | dict(arguments))))
