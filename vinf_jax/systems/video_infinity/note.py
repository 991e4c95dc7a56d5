"""What a model folder says about its weights, as JSON holds it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.checkpoint import store
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.nn.networks import Arguments, note_troubles
from vinf_jax.systems.video_infinity import tokens
from vinf_jax.systems.video_infinity.networks import NETWORKS
from vinf_jax.systems.video_infinity.settings import Settings
from vinf_jax.systems.video_infinity.tokens import Tokenizer

KIND = "vinf_jax text-to-video model, 1"


def note_of(
    arguments: Arguments,
    tokenizer: Tokenizer,
    schedule: Schedule,
    settings: Settings,
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything but the weights."""
    scale = schedule.signal_scale
    return {
        "kind": KIND,
        "arguments": {part: dict(arguments[part]) for part in NETWORKS if part in arguments},
        "tokenizer": tokens.note_of(tokenizer),
        "schedule": {
            "alphas_cumprod": schedule.alphas_cumprod.tolist(),
            "signal_scale": None if scale is None else scale.tolist(),
        },
        "settings": settings.to_dict(),
        "provenance": dict(provenance),
    }


def describe(folder: str | Path) -> dict[str, Any]:
    """The note of a model folder: "arguments", "tokenizer", "schedule", "settings", "provenance".

    Raises:
        ValueError: no folder, an unfinished or damaged one, or one of something else.
    """
    _, note = store.describe(folder)
    if note.get("kind") != KIND:
        raise ValueError(
            f"{folder} is a checkpoint, but not a text-to-video model (kind {note.get('kind')!r}); "
            "give a folder that VideoInfinity.save, the last stage of training or python -m "
            "convert import wrote"
        )
    refuse_misfits(folder, note)
    return note


def refuse_misfits(folder: str | Path, note: Mapping[str, Any]) -> None:
    """Raises ValueError with all that a note lacks, or says of what there is not."""
    troubles = note_troubles(note, NETWORKS, Settings)
    troubles += [] if "tokenizer" in note else ["tokenizer: missing"]
    try:
        schedule_of(note)
    except (KeyError, TypeError, ValueError) as error:
        troubles.append(f"schedule: it cannot be read ({type(error).__name__}: {error})")
    if troubles:
        raise ValueError(f"the note of {folder} is no model's: {'; '.join(troubles)}")


def schedule_of(note: Mapping[str, Any]) -> Schedule:
    """The noise schedule that a note describes."""
    table = note["schedule"]
    scale = table["signal_scale"]
    return Schedule(np.array(table["alphas_cumprod"]), None if scale is None else np.array(scale))
