"""From what others stored to arrays of ours: every tensor is read, kept or left out, and every
parameter is filled; otherwise one error lists everything.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.checkpoint.mapping import convert, matches
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.clip_tokenizer import ClipTokenizer
from vinf_jax.nn.networks import parameters
from vinf_jax.systems.video_infinity import Settings
from vinf_jax.systems.video_infinity.networks import built

from . import component_configs, schedules
from .naming import OTHER_NETWORKS, UNUSED
from .sizes import Sizes
from .source import Part, Source
from .tensors import Tensors

FLOATS = ("float64", "float32", "float16", "bfloat16")
VIDEOCRAFTER: dict[str, Any] = {
    "height": 320,
    "width": 512,
    "fps": 24,
    "clip_frames": 16,
    "guidance": 12.0,
    "sampler": "sde-dpmsolver++",
}
"""How Video-Infinity samples VideoCrafter2."""
MODELSCOPE: dict[str, Any] = {
    "height": 256,
    "width": 256,
    "fps": 8,
    "clip_frames": 16,
    "guidance": 9.0,
}
"""How ModelScope's model was trained; zeroscope's size is 576x320 and a flag of the programs."""


@dataclass
class Translated:
    """The fields of `convert.model.Model` that are made of a source."""

    arrays: dict[str, np.ndarray]
    arguments: dict[str, dict[str, Any]]
    kept: Tensors
    schedule: Schedule
    settings: Settings
    tokenizer: ClipTokenizer | None
    report: dict[str, Any]


def translated(source: Source, vocabulary: Path | None = None) -> Translated:
    """A source's tensors as our arrays, views of its files wherever numpy can.

    Raises:
        ValueError: tensors that no row reads, parameters that no tensor fills, wrong shapes, or a
            config or schedule of something else; all in one message.
    """
    troubles: list[str] = []
    arrays: dict[str, np.ndarray] = {}
    arguments: dict[str, dict[str, Any]] = {}
    read: dict[str, list[str]] = {}
    kept, left_out = _sorted(source.beside, UNUSED, OTHER_NETWORKS)
    unread = source.beside.without({*kept, *left_out})
    troubles += [f"{name} belongs to no component and stands on no list" for name in unread]
    for part in source.parts:
        try:
            made = _part(part)
        except ValueError as error:
            troubles.append(f"{part.component}: {error}")
            continue
        arguments[part.component] = made.arguments
        arrays |= made.arrays
        read |= made.read
        kept |= made.kept
        left_out |= made.left_out
    troubles += _misfits(arguments)
    schedule, prediction = _schedule(source, kept, troubles)
    if troubles:
        listed = "\n".join(troubles)
        raise ValueError(f"{source.opened.path} cannot be converted:\n{listed}")
    kept = _with_earlier(kept, source.opened.kept)
    return Translated(
        arrays,
        arguments,
        kept,
        schedule.schedule,
        _settings(source, arguments, prediction),
        _tokenizer(source, arguments, vocabulary),
        {
            "source": _described(source),
            "components": {part.component: part.naming.name for part in source.parts},
            "read": read,
            "kept": sorted(kept),
            "left_out": sorted(left_out),
            "not_tensors": source.opened.left_out,
            "schedule": schedule.said,
        },
    )


def _misfits(arguments: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Networks that cannot work together."""
    unet, text = arguments.get("unet", {}), arguments.get("text_encoder", {})
    latents = arguments.get("autoencoder", {}).get("latent_channels")
    pairs = [
        ("the UNet's context_width", unet.get("context_width"), "text features", text.get("width")),
        ("the UNet's in_channels", unet.get("in_channels"), "latent channels", latents),
    ]
    return [
        f"{what} is {wants}, but there are {has} {of}"
        for what, wants, of, has in pairs
        if wants is not None and has is not None and wants != has
    ]


@dataclass
class _Made:
    arguments: dict[str, Any]
    arrays: dict[str, np.ndarray]
    read: dict[str, list[str]]
    kept: Tensors
    left_out: Tensors


def _part(part: Part) -> _Made:
    """One component. Raises ValueError as `translated`."""
    sizes = Sizes(part.tensors.shapes())
    arguments = component_configs.completed(
        part.component, part.naming.arguments(sizes), part.config
    )
    _refuse(component_configs.troubles(part.component, arguments, part.config))
    rows = part.naming.rows(arguments, sizes)
    sources = {row.source for row in rows}
    unused = part.naming.unused(arguments)
    kept, left_out = _sorted(part.tensors.without(sources), unused, part.naming.left_out)
    _refuse(_strange_numbers(part.tensors.only(sources)))
    start = f"{part.component}."
    wanted = target(part.component, json.dumps(arguments, sort_keys=True))
    arrays = convert(rows, part.tensors, wanted, [*unused, *part.naming.left_out])
    return _Made(
        arguments,
        {start + name: x for name, x in arrays.items()},
        {part.prefix + row.source: [start + name for name in row.targets] for row in rows},
        kept.under(part.naming.home),
        left_out.under(part.prefix),
    )


@lru_cache(maxsize=8)
def target(component: str, arguments: str) -> dict[str, Any]:
    """The parameters of a network, abstract, by name; building takes seconds. arguments: JSON."""
    found = parameters(built({component: json.loads(arguments)}))
    return {name.removeprefix(f"{component}."): like for name, like in found.items()}


def _sorted(
    tensors: Tensors, unused: Sequence[str], left_out: Sequence[str]
) -> tuple[Tensors, Tensors]:
    """Those that are kept and those that are left out, of tensors that no row reads."""

    def fitting(patterns: Sequence[str]) -> Tensors:
        names = {name for name in tensors if matches(name, patterns)}
        return tensors.only(names)

    return fitting(unused), fitting(left_out)


def _strange_numbers(tensors: Tensors) -> list[str]:
    return [
        f"{name} is {tensors.dtype(name)}; weights are {', '.join(FLOATS)}"
        for name in tensors
        if tensors.dtype(name).name not in FLOATS
    ]


def _schedule(source: Source, kept: Tensors, troubles: list[str]) -> tuple[schedules.Found, str]:
    """The schedule, of buffers if there are any, and the prediction; what is wrong with them goes
    to `troubles`."""
    config = source.opened.scheduler
    usual = schedules.of_config(None)
    try:
        buffers = {name: x for name, x in (kept | source.opened.kept).items() if name in UNUSED}
        found = schedules.of_buffers(buffers) or schedules.of_config(config)
        return found, schedules.prediction_of(config)
    except ValueError as error:
        troubles.append(f"schedule: {error}")
        return usual, "epsilon"


def _with_earlier(kept: Tensors, earlier: Tensors) -> Tensors:
    """What an export of ours carried along, and what is kept now; a name in both is the same."""
    return earlier | kept


def _settings(
    source: Source, arguments: Mapping[str, Mapping[str, Any]], prediction: str
) -> Settings:
    unet = arguments.get("unet", {})
    configs = {part.component: part.config for part in source.parts}
    scale = configs.get("autoencoder", {}).get("scaling_factor", component_configs.LATENT_SCALE)
    usual = VIDEOCRAFTER if unet.get("fps_conditioned", True) else MODELSCOPE
    if not isinstance(scale, int | float) or not scale > 0:
        raise ValueError(f"the autoencoder's config.json says scaling_factor {scale!r}")
    return Settings(latent_scale=float(scale), prediction=prediction, **usual)


def _tokenizer(
    source: Source, arguments: Mapping[str, Mapping[str, Any]], vocabulary: Path | None
) -> ClipTokenizer | None:
    path = vocabulary or source.opened.tokenizer
    if path is None or "text_encoder" not in arguments:
        return None
    return ClipTokenizer(path, length=arguments["text_encoder"]["length"])


def _described(source: Source) -> dict[str, Any]:
    return {
        "path": str(source.opened.path),
        "layout": source.layout,
        "files": {_short(path, source): path.stat().st_size for path in source.opened.paths},
        "wrappers": source.opened.wrappers,
    }


def _short(path: Path, source: Source) -> str:
    root = source.opened.path
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _refuse(troubles: Sequence[str]) -> None:
    if troubles:
        raise ValueError("\n  ".join(["it is another network than can be built here:", *troubles]))
