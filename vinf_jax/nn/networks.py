"""Several networks as one set of parameters, as their constructors' arguments describe them."""

from collections.abc import Callable, Iterator, Mapping
from inspect import signature
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
    if troubles := argument_troubles(kinds, arguments):
        raise ValueError("; ".join(troubles))
    return {part: _abstract(kinds[part], fields) for part, fields in arguments.items()}


def argument_troubles(kinds: Kinds, arguments: Mapping[str, Any]) -> list[str]:
    """Networks that do not exist, arguments that those which do cannot be made of."""
    if strange := [part for part in arguments if part not in kinds]:
        return [f"arguments: {some(strange)}; the networks are {', '.join(kinds)}"]
    return [
        trouble
        for part, fields in arguments.items()
        for trouble in field_troubles(f"arguments.{part}", kinds[part], fields)
    ]


def field_troubles(title: str, kind: Any, fields: Any) -> list[str]:
    """What a class's constructor does not take of these fields, or lacks of them."""
    if not isinstance(fields, Mapping):
        return [f"{title}: {fields!r} are no fields by name"]
    wanted = signature(kind.__init__).parameters.items()
    known = {name: one for name, one in wanted if name not in ("self", "rngs")}
    strange = [name for name in fields if name not in known]
    missing = [n for n, one in known.items() if one.default is one.empty and n not in fields]
    troubles = (
        [f"{title}: no {', '.join(strange)}; there are {', '.join(known)}"] if strange else []
    )
    return troubles + ([f"{title}: without {', '.join(missing)}"] if missing else [])


def note_troubles(note: Mapping[str, Any], kinds: Kinds, settings: Any) -> list[str]:
    """What a model folder's note lacks, or says of networks and settings that there are not."""
    arguments = note.get("arguments")
    named = isinstance(arguments, Mapping)
    troubles = [] if named else [f"arguments: {arguments!r} are no networks by name"]
    troubles += argument_troubles(kinds, arguments) if named else []
    wrong = field_troubles("settings", settings, note.get("settings"))
    troubles += wrong or _kind_troubles(settings, note["settings"])
    return troubles + ([] if "provenance" in note else ["provenance: missing"])


def _kind_troubles(settings: Any, fields: Mapping[str, Any]) -> list[str]:
    """Why no settings can be made of these fields, where a value is of a kind that nobody asks
    for; what is wrong with others is said when they are made."""
    try:
        settings(**fields)
    except (TypeError, OverflowError, AttributeError) as error:
        return [f"settings: {error}"]
    except ValueError:
        pass
    return []


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
