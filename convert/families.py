"""Kinds of models that are converted: what they are made of, and what differs beside names.

A layout belongs to one family (`naming.NAMINGS`); a model folder says in its note which it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vinf_jax.systems.pvdm import Settings as PVDMSettings
from vinf_jax.systems.pvdm import folder as pvdm_folder
from vinf_jax.systems.video_infinity import Settings, note, tokens
from vinf_jax.systems.video_infinity import folder as video_infinity_folder
from vinf_jax.systems.video_infinity.networks import NETWORKS

from . import pvdm, text_to_video
from .arguments import defaults
from .tensors import Tensors


@dataclass(frozen=True)
class Family:
    """What a kind of model is, and how it is read and written.

    name: for people.
    kind: of a model folder's note.
    layouts: of others.
    networks: what builds each component.
    whole: (component, its arguments in a note) -> all of them, in one spelling.
    completed: (component, arguments that shapes tell, config) -> all arguments, or ValueError.
    strange: (component, arguments, its tensors) -> what is wrong with tensors that no row reads.
    settled: all components' arguments -> why they cannot work together; may fill some in.
    facts: (source, arguments, kept, vocabulary, troubles) -> the other fields of a `Model`, and
        under "said" what goes into the report.
    noted: (path, note) -> the same fields, of a model folder, or ValueError.
    fields: of a `Model` that a model folder says.
    write: writes a model folder; takes them.
    """

    name: str
    kind: str
    layouts: tuple[str, ...]
    networks: Mapping[str, Callable[..., Any]]
    whole: Callable[[str, Mapping[str, Any]], dict[str, Any]]
    completed: Callable[[str, Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
    strange: Callable[[str, Mapping[str, Any], Tensors], list[str]]
    settled: Callable[[dict[str, dict[str, Any]]], list[str]]
    facts: Callable[..., dict[str, Any]]
    noted: Callable[[Path, Mapping[str, Any]], dict[str, Any]]
    fields: tuple[str, ...]
    write: Callable[..., None]


def _noted(path: Path, said: Mapping[str, Any]) -> dict[str, Any]:
    note.refuse_misfits(path, said)
    return {
        "schedule": note.schedule_of(said),
        "settings": Settings(**said["settings"]),
        "tokenizer": tokens.read(path, said["tokenizer"]),
    }


def _noted_pvdm(path: Path, said: Mapping[str, Any]) -> dict[str, Any]:
    pvdm_folder.refuse_misfits(path, said)
    return {"settings": PVDMSettings(**said["settings"])}


FAMILIES = [
    Family(
        "text-to-video model",
        note.KIND,
        ("lvdm", "diffusers"),
        NETWORKS,
        lambda component, given: defaults(NETWORKS[component]) | dict(given),
        text_to_video.completed,
        lambda component, arguments, tensors: [],
        text_to_video.misfits,
        text_to_video.facts,
        _noted,
        ("settings", "schedule", "tokenizer"),
        video_infinity_folder.write_arrays,
    ),
    Family(
        "PVDM model",
        pvdm_folder.KIND,
        ("pvdm",),
        pvdm_folder.NETWORKS,
        pvdm.whole,
        pvdm.completed,
        pvdm.strange_buffers,
        pvdm.settled,
        pvdm.facts,
        _noted_pvdm,
        ("settings",),
        pvdm_folder.write_arrays,
    ),
]


def of_layout(layout: str) -> Family:
    """The family whose models a layout of others holds."""
    return next(family for family in FAMILIES if layout in family.layouts)


def of_note(path: Path, said: Mapping[str, Any]) -> Family:
    """The family of a model folder with this note. Raises ValueError for a checkpoint of none."""
    for family in FAMILIES:
        if family.kind == said.get("kind"):
            return family
    kinds = " nor a ".join(family.name for family in FAMILIES)
    raise ValueError(
        f"{path} is a checkpoint, but neither a {kinds} (kind {said.get('kind')!r}); give a folder "
        "that import wrote, or the last stage of training"
    )
