"""A model as a folder: weights of its networks, and what it takes to build them again.

Beside the weights may lie the tokenizer's files, `kept.safetensors` (tensors of the source that
inference does not use) and `report.json` (how the weights were converted).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vinf_jax.checkpoint import imported, store
from vinf_jax.checkpoint.batches import OnArray
from vinf_jax.checkpoint.stored import StoredArrays
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.nn.networks import (
    Arguments,
    Fitting,
    field_troubles,
    filled,
    name_troubles,
    parameters,
)
from vinf_jax.systems.video_infinity import tokens
from vinf_jax.systems.video_infinity.networks import NETWORKS, built, tokenizer_troubles
from vinf_jax.systems.video_infinity.note import describe, note_of, schedule_of
from vinf_jax.systems.video_infinity.settings import Settings
from vinf_jax.systems.video_infinity.tokens import NoTokenizer, Tokenizer


def write(folder: str | Path, networks: Mapping[str, nnx.Module], **rest: Any) -> None:
    """See `VideoInfinity.save`; `rest` as in `write_arrays`."""
    write_arrays(folder, parameters(networks), **rest)


def write_arrays(
    folder: str | Path,
    arrays: Mapping[str, Any],
    *,
    arguments: Arguments,
    tokenizer: Tokenizer | None,
    schedule: Schedule,
    settings: Settings,
    dtype: Any = None,
    kept: Mapping[str, Any] | None = None,
    report: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    on_array: OnArray | None = None,
) -> None:
    """A model folder from arrays, whole or not at all, without building a network.

    A folder may lack networks: `arrays`, `read_kept` and `read_report` read it, `read` does not.

    Args:
        folder: to be made.
        arrays: `unet. ...`, `autoencoder. ...`, `text_encoder. ...`; each is asked for once, in
            order, and let go of (`store.save`).
        arguments: of the constructors of exactly those networks.
        tokenizer: None if there is none; `generate` then asks for one.
        schedule, settings: how the UNet was trained and is sampled.
        dtype: of the parameters on disk; as they are if not given.
        kept: tensors of the source that no network takes, by their names there, stored as they are.
        report: how the weights were converted, anything that JSON holds; it is asked for its
            contents when the arrays have been written, so it may hold what was seen of them.
        provenance: where they come from, anything that JSON holds.
        overwrite, on_array: as in `store.save`.

    Raises:
        ValueError: one message with all arrays that the networks lack or do not have, and with a
            tokenizer that does not fit; or the first array of another shape.
        OSError: the folder exists and `overwrite` is false, or cannot be written.
    """
    tokenizer = tokenizer or NoTokenizer()
    networks = built(arguments)
    wanted = parameters(networks)
    troubles = name_troubles(arrays, wanted) + tokenizer_troubles(networks, tokenizer)
    if troubles:
        raise ValueError("the model cannot be saved: " + "; ".join(troubles))
    store.save(
        folder,
        Fitting(arrays, wanted),
        metadata=note_of(arguments, tokenizer, schedule, settings, provenance or {}),
        overwrite=overwrite,
        dtype=dtype,
        beside=tokens.files_of(tokenizer) | imported.files(kept, report),
        on_array=on_array,
    )


def read(
    folder: str | Path,
    dtype: Any = None,
    *,
    schedule: Schedule | None = None,
    settings: Mapping[str, Any] | None = None,
    tokenizer: Tokenizer | None = None,
) -> dict[str, Any]:
    """The arguments of `VideoInfinity`. See `VideoInfinity.load`."""
    note = describe(folder)
    arguments = note["arguments"]
    _refuse_parts(folder, arguments)
    networks = built(arguments)
    tokenizer = tokenizer or tokens.read(Path(folder), note["tokenizer"])
    if troubles := tokenizer_troubles(networks, tokenizer):
        raise ValueError("; ".join(troubles))
    chosen = _settings(note["settings"] | dict(settings or {}))
    dtype = jnp.float32 if dtype is None else dtype
    wanted = {
        name: jax.ShapeDtypeStruct(x.shape, dtype) for name, x in parameters(networks).items()
    }
    loaded = store.load(folder, wanted)
    return filled(networks, loaded) | {
        "tokenizer": tokenizer,
        "schedule": schedule or schedule_of(note),
        "settings": chosen,
        "arguments": arguments,
        "provenance": note["provenance"],
    }


def _settings(given: Mapping[str, Any]) -> Settings:
    if troubles := field_troubles("settings", Settings, given):
        raise ValueError("; ".join(troubles))
    return Settings(**given)


def arrays(folder: str | Path) -> StoredArrays:
    """The weights as numpy arrays by dotted name, each read when it is asked for.

    Raises:
        ValueError: as `describe`, and changed bytes.
    """
    describe(folder)
    return store.arrays(folder)


def read_kept(folder: str | Path) -> Mapping[str, np.ndarray]:
    """The tensors of the source that no network takes, by their names there, mapped read-only."""
    describe(folder)
    return imported.read_kept(folder)


def read_report(folder: str | Path) -> dict[str, Any]:
    """How the weights were converted; empty if they were not."""
    describe(folder)
    return imported.read_report(folder)


def _refuse_parts(folder: str | Path, arguments: Arguments) -> None:
    missing = [part for part in NETWORKS if part not in arguments]
    if missing:
        raise ValueError(
            f"{folder} holds only {' and '.join(arguments)}; to make videos it lacks "
            f"{' and '.join(missing)}. Import a model that has all three (python -m convert import)"
        )
