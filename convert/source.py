"""What the files at a path are: which components in which layout, and what is left over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import naming
from .naming import LAYOUTS, Naming
from .opened import WANTED, Opened
from .strangers import stranger
from .tensors import Tensors


@dataclass(frozen=True)
class Part:
    """A component as it is stored. prefix: what its tensors' names have lost. config: as the
    component's config.json."""

    naming: Naming
    prefix: str
    tensors: Tensors
    config: dict[str, Any]

    @property
    def component(self) -> str:
        return self.naming.component


@dataclass(frozen=True)
class Source:
    """layout: one of `naming.LAYOUTS`. beside: tensors of no component, by their whole names."""

    opened: Opened
    layout: str
    parts: list[Part]
    beside: Tensors


def recognised(opened: Opened, layout: str | None = None) -> Source:
    """The components among the files; only those of a layout, if it is given.

    Raises:
        ValueError: a model that cannot be read, named if it is known; nothing that is known; or
            one component twice.
    """
    if what := stranger(opened.tensors):
        raise ValueError(f"{opened.path} is {what}; this is not supported. {_able()}")
    parts: list[Part] = []
    beside = Tensors({})
    for group in opened.groups:
        placed = naming.found(group.tensors, layout)
        rest = group.tensors
        for kind, prefix in placed:
            inside = group.tensors.behind(prefix)
            of_folder = group.config if kind.layout == "diffusers" else {}
            config = group.configs.get(kind.component, of_folder)
            parts.append(Part(kind, group.where + prefix, inside, config))
            rest = rest.without({prefix + name for name in inside})
        beside |= rest.under(group.where)
    _check(opened, layout, parts)
    layouts = {part.naming.layout for part in parts}
    return Source(opened, next(name for name in LAYOUTS if name in layouts), parts, beside)


def _check(opened: Opened, layout: str | None, parts: Sequence[Part]) -> None:
    if not parts:
        some = list(opened.tensors)[:4]
        of = f" in the layout {layout}" if layout else ""
        raise ValueError(
            f"{opened.path} holds {len(opened.tensors)} tensors ({', '.join(some)}, ...), but no "
            f"component that is known{of}. {_able()}"
        )
    strangers = {part.naming.layout == "pvdm" for part in parts}
    if len(strangers) > 1:
        raise ValueError(
            f"{opened.path} holds networks of PVDM and of a text-to-video model; give the path of "
            "one model, or force a layout with --layout"
        )
    components = [part.component for part in parts]
    twice = sorted({name for name in components if components.count(name) > 1})
    if twice:
        places = ", ".join(f"{part.naming.name} at {part.prefix or 'the root'}" for part in parts)
        raise ValueError(
            f"{opened.path} holds more than one {' and '.join(twice)} ({places}); give the path of "
            "one, or force a layout with --layout"
        )


def _able() -> str:
    return f"Can be read: VideoCrafter2, ModelScope, zeroscope and PVDM; {WANTED}"
