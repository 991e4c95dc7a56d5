"""Several networks as one set of parameters, as their constructors' arguments describe them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flax import nnx

from vinf_jax.checkpoint.index import some
from vinf_jax.nn.parameters import abstract, flat, merge, split

Kinds = Mapping[str, Callable[..., nnx.Module]]
"""What builds each part of a model."""
Arguments = Mapping[str, Mapping[str, Any]]
"""Those of each part's constructor."""


def built(kinds: Kinds, arguments: Arguments) -> dict[str, nnx.Module]:
    """The networks, with shapes and dtypes in place of parameters.

    Raises:
        ValueError: a network that does not exist, or arguments that build none.
    """
    if strange := [part for part in arguments if part not in kinds]:
        raise ValueError(f"arguments: {some(strange)}; the networks are {', '.join(kinds)}")
    return {part: _abstract(kinds[part], fields) for part, fields in arguments.items()}


def parameters(networks: Mapping[str, nnx.Module]) -> dict[str, Any]:
    """All their parameters by dotted name, that of the network first: `unet. ...`."""
    return {
        f"{part}.{name}": x
        for part, network in networks.items()
        for name, x in flat(network).items()
    }


def filled(networks: Mapping[str, nnx.Module], arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The networks with these arrays, named as in `parameters`, in place of theirs."""
    graphs = {part: split(network) for part, network in networks.items()}
    return {
        part: merge(graph, {name: arrays[f"{part}.{name}"] for name in like})
        for part, (graph, like) in graphs.items()
    }


def name_troubles(arrays: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Arguments that would build other networks than these make a folder that cannot load."""
    missing = [name for name in wanted if name not in arrays]
    strange = [name for name in arrays if name not in wanted]
    troubles = [f"{len(missing)} arrays are missing ({some(missing)})"] if missing else []
    if strange:
        lacking = f"the arguments build networks without {len(strange)} of the arrays"
        troubles.append(f"{lacking} ({some(strange)})")
    return troubles


class Fitting(Mapping[str, Any]):
    """Arrays whose shapes are compared with those of the networks when they are asked for."""

    def __init__(self, arrays: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        self._arrays, self._wanted = arrays, wanted

    def __getitem__(self, name: str) -> Any:
        x, shape = self._arrays[name], self._wanted[name].shape
        if x.shape != shape:
            raise ValueError(
                f"{name} has shape {x.shape}, but the arguments build a network with {shape}"
            )
        return x

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def _abstract(kind: Callable[..., nnx.Module], fields: Mapping[str, Any]) -> nnx.Module:
    return abstract(lambda rngs: kind(**fields, rngs=rngs))
