"""A PVDM model as a folder: weights of its two networks, and what it takes to build them again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from vinf_jax.checkpoint import imported, store
from vinf_jax.checkpoint.batches import OnArray
from vinf_jax.models.pvdm_autoencoder import PVDMAutoencoder
from vinf_jax.models.pvdm_unet import PVDMUNet
from vinf_jax.nn.networks import (
    Arguments,
    Fitting,
    built,
    filled,
    name_troubles,
    note_troubles,
    parameters,
)
from vinf_jax.systems.pvdm.settings import Settings

KIND = "vinf_jax PVDM model, 1"
NETWORKS = {"autoencoder": PVDMAutoencoder, "unet": PVDMUNet}


def spelled(component: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of a network that decide what it is, in the one spelling of several."""
    every: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in arguments.items()
        if name not in ("remat", "rngs")
    }
    if component == "autoencoder":
        size, head = every["size"], every["plane_head_size"]
        every["size"] = [size, size] if isinstance(size, int) else size
        every["plane_head_size"] = every["width"] // 8 if head is None else head
    return every


def write_arrays(
    folder: str | Path,
    arrays: Mapping[str, Any],
    *,
    arguments: Arguments,
    settings: Settings,
    dtype: Any = None,
    kept: Mapping[str, Any] | None = None,
    report: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    on_array: OnArray | None = None,
) -> None:
    """A model folder from arrays, whole or not at all. It may lack a network.

    Args:
        folder: to be made.
        arrays: `autoencoder. ...`, `unet. ...`; each is asked for once, and let go of.
        arguments: of the constructors of exactly those networks.
        settings: how the model is sampled.
        dtype: of the parameters on disk; as they are if not given.
        kept: tensors of the source that no network takes, by their names there.
        report: how the weights were converted, anything that JSON holds.
        provenance: where they come from, anything that JSON holds.
        overwrite, on_array: as in `store.save`.

    Raises:
        ValueError: one message with all arrays that the networks lack or do not have, or the first
            one of another shape.
        OSError: the folder exists and `overwrite` is false, or cannot be written.
    """
    wanted = parameters(built(NETWORKS, arguments))
    if troubles := name_troubles(arrays, wanted):
        raise ValueError("the model cannot be saved: " + "; ".join(troubles))
    note = {
        "kind": KIND,
        "arguments": {part: dict(fields) for part, fields in arguments.items()},
        "settings": settings.to_dict(),
        "provenance": dict(provenance or {}),
    }
    store.save(
        folder,
        Fitting(arrays, wanted),
        metadata=note,
        overwrite=overwrite,
        dtype=dtype,
        beside=imported.files(kept, report),
        on_array=on_array,
    )


def describe(folder: str | Path) -> dict[str, Any]:
    """The note of a model folder: "arguments", "settings", "provenance".

    Raises:
        ValueError: no folder, an unfinished or damaged one, or one of something else.
    """
    _, note = store.describe(folder)
    if note.get("kind") != KIND:
        raise ValueError(
            f"{folder} is a checkpoint, but not a PVDM model (kind {note.get('kind')!r}); give a "
            "folder that PVDM.save, python -m train pvdm_diffusion or python -m convert import "
            "wrote"
        )
    refuse_misfits(folder, note)
    return note


def refuse_misfits(folder: str | Path, note: Mapping[str, Any]) -> None:
    """Raises ValueError with all that a note lacks, or says of what there is not."""
    if troubles := note_troubles(note, NETWORKS, Settings):
        raise ValueError(f"the note of {folder} is no model's: {'; '.join(troubles)}")


def read(
    folder: str | Path, dtype: Any = None, settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The arguments of `PVDM`. See `PVDM.load`."""
    note = describe(folder)
    arguments = note["arguments"]
    if missing := [part for part in NETWORKS if part not in arguments]:
        raise ValueError(
            f"{folder} holds only {' and '.join(arguments)}; to make videos it lacks "
            f"{' and '.join(missing)}"
        )
    networks = built(NETWORKS, arguments)
    wanted = {
        name: jax.ShapeDtypeStruct(x.shape, dtype or jnp.float32)
        for name, x in parameters(networks).items()
    }
    return filled(networks, store.load(folder, wanted)) | {
        "settings": Settings(**note["settings"] | dict(settings or {})),
        "arguments": arguments,
        "provenance": note["provenance"],
    }
