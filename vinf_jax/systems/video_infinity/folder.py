"""A model as a folder: weights of all three networks, and what it takes to build them again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vinf_jax.checkpoint import store
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.models.text_encoder import TextEncoder
from vinf_jax.models.tokenizer import WordTokenizer
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.parameters import abstract, flat, merge, split
from vinf_jax.systems.video_infinity.settings import Settings

KIND = "vinf_jax text-to-video model, 1"
NETWORKS = {"unet": UNet3D, "autoencoder": AutoencoderKL, "text_encoder": TextEncoder}


def write(
    folder: str | Path,
    networks: Mapping[str, nnx.Module],
    arguments: Mapping[str, Mapping[str, Any]],
    tokenizer: WordTokenizer,
    schedule: Schedule,
    settings: Settings,
    *,
    dtype: Any = None,
    provenance: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """See `VideoInfinity.save`."""
    _refuse_strangers(networks, arguments)
    arrays = {
        f"{part}.{name}": x if dtype is None else x.astype(dtype)
        for part, network in networks.items()
        for name, x in flat(network).items()
    }
    scale = schedule.signal_scale
    note = {
        "kind": KIND,
        "arguments": {part: dict(arguments[part]) for part in NETWORKS},
        "tokenizer": {"words": tokenizer.words, "length": tokenizer.length},
        "schedule": {
            "alphas_cumprod": schedule.alphas_cumprod.tolist(),
            "signal_scale": None if scale is None else scale.tolist(),
        },
        "settings": settings.to_dict(),
        "provenance": dict(provenance or {}),
    }
    store.save(folder, arrays, metadata=note, overwrite=overwrite)


def read(folder: str | Path, dtype: Any = None) -> dict[str, Any]:
    """The arguments of `VideoInfinity`. See `VideoInfinity.load`."""
    _, note = store.describe(folder)
    if note.get("kind") != KIND:
        raise ValueError(
            f"{folder} is a checkpoint, but not a text-to-video model (kind {note.get('kind')!r}); "
            "give a folder that VideoInfinity.save or the last stage of training wrote"
        )
    arguments = note["arguments"]
    graphs, wanted = {}, {}
    for part, network in NETWORKS.items():
        graphs[part], like = split(_abstract(network, arguments[part]))
        wanted |= {f"{part}.{name}": _as(x, dtype) for name, x in like.items()}
    arrays = store.load(folder, wanted)
    networks = {part: merge(graph, _part(arrays, part)) for part, graph in graphs.items()}
    table = note["schedule"]
    scale = table["signal_scale"]
    return networks | {
        "tokenizer": WordTokenizer(**note["tokenizer"]),
        "schedule": Schedule(
            np.array(table["alphas_cumprod"]), None if scale is None else np.array(scale)
        ),
        "settings": Settings(**note["settings"]),
        "arguments": arguments,
        "provenance": note["provenance"],
    }


def _abstract(network: type, arguments: Mapping[str, Any]) -> Any:
    return abstract(lambda rngs: network(**arguments, rngs=rngs))


def _as(x: jax.ShapeDtypeStruct, dtype: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, jnp.float32 if dtype is None else dtype)


def _part(arrays: Mapping[str, Any], part: str) -> dict[str, Any]:
    start = f"{part}."
    return {name.removeprefix(start): x for name, x in arrays.items() if name.startswith(start)}


def _refuse_strangers(
    networks: Mapping[str, nnx.Module], arguments: Mapping[str, Mapping[str, Any]]
) -> None:
    """Arguments that would build other networks than these would make a folder that cannot load."""
    troubles = []
    for part, network in networks.items():
        shapes = {name: x.shape for name, x in flat(network).items()}
        built = _abstract(NETWORKS[part], arguments[part])
        if shapes != {name: x.shape for name, x in flat(built).items()}:
            troubles.append(f"arguments: those of {part} build a network of other shapes")
    if troubles:
        raise ValueError("the model cannot be saved: " + "; ".join(troubles))
