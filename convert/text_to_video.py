"""What a text-to-video model of others is beside its arrays: schedule, sampling, tokenizer."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vinf_jax.models.clip_tokenizer import ClipTokenizer
from vinf_jax.systems.video_infinity import Settings

from . import component_configs, schedules
from .naming import UNUSED
from .source import Source
from .tensors import Tensors

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

Arguments = Mapping[str, Mapping[str, Any]]


def completed(
    component: str, arguments: Mapping[str, Any], config: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments that shapes tell, with those that only config.json does or habit.

    Raises:
        ValueError: sizes that no network has, or a config of another network.
    """
    whole = component_configs.completed(component, arguments, config)
    if troubles := component_configs.troubles(component, whole, config):
        raise ValueError("\n  ".join(["it is another network than can be built here:", *troubles]))
    return whole


def misfits(arguments: Arguments) -> list[str]:
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


def facts(
    source: Source,
    arguments: Arguments,
    kept: Tensors,
    vocabulary: Path | None,
    troubles: list[str],
) -> dict[str, Any]:
    """Schedule, settings and tokenizer; what is wrong with them goes to `troubles`.

    The schedule is that of the buffers, if there are any. vocabulary: instead of the source's.
    """
    config = source.opened.scheduler
    found, prediction = schedules.of_config(None), "epsilon"
    try:
        buffers = {name: x for name, x in (kept | source.opened.kept).items() if name in UNUSED}
        found = schedules.of_buffers(buffers) or schedules.of_config(config)
        prediction = schedules.prediction_of(config)
    except ValueError as error:
        troubles.append(f"schedule: {error}")
    made = {"schedule": found.schedule, "said": {"schedule": found.said}}
    if troubles:
        return made
    return made | {
        "settings": _settings(source, arguments, prediction),
        "tokenizer": _tokenizer(source, arguments, vocabulary),
    }


def _settings(source: Source, arguments: Arguments, prediction: str) -> Settings:
    unet = arguments.get("unet", {})
    configs = {part.component: part.config for part in source.parts}
    scale = configs.get("autoencoder", {}).get("scaling_factor", component_configs.LATENT_SCALE)
    usual = VIDEOCRAFTER if unet.get("fps_conditioned", True) else MODELSCOPE
    if type(scale) not in (int, float) or not 0 < scale <= sys.float_info.max:
        raise ValueError(
            f"the autoencoder's config.json says scaling_factor {scale!r}; it must be a finite "
            "number above 0"
        )
    return Settings(latent_scale=float(scale), prediction=prediction, **usual)


def _tokenizer(
    source: Source, arguments: Arguments, vocabulary: Path | None
) -> ClipTokenizer | None:
    path = vocabulary or source.opened.tokenizer
    if path is None or "text_encoder" not in arguments:
        return None
    return ClipTokenizer(path, length=arguments["text_encoder"]["length"])
