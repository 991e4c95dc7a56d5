"""A model without its weights: what a folder's note says, or what a config describes."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from vinf_jax.programs import load_config

from .loading import dtype_on, weights_of, wished
from .options import SAMPLING, given, refuse, scope_settings

DESCRIBED = ("text_encoder", "size", "fps", "prediction", "frames", "generation")
"""Fields of a config that trains such a model."""


class Blueprint(NamedTuple):
    """networks: abstract, by name. dtype: of the parameters."""

    networks: Mapping[str, Any]
    schedule: Any
    settings: Any
    dtype: str


def blueprint(options: argparse.Namespace, platform: str) -> Blueprint:
    """The model of a config, with the settings that the flags replace.

    A folder of weights that is there says what they are; nothing of them is read. Without one the
    config does, and what it leaves out is VideoCrafter2's.

    Raises:
        ValueError: a config or folder that describes no such model, or settings that do not fit.
    """
    from vinf_jax.diffusion.schedule import Schedule
    from vinf_jax.nn.networks import field_troubles
    from vinf_jax.systems.video_infinity import Settings
    from vinf_jax.systems.video_infinity.networks import built
    from vinf_jax.systems.video_infinity.note import describe, schedule_of

    config, folder = load_config(options.config), weights_of(options)
    wishes = wished(config)
    if folder.is_dir():
        note = describe(folder)
        arguments, fields, schedule = note["arguments"], note["settings"], schedule_of(note)
    elif options.weights:
        raise ValueError(f"weights: there is no folder {folder}; leave it out to plan without")
    else:
        arguments, fields = _arguments(config), _settings(config, options.config)
        schedule = Schedule.scaled_linear()
    fields = dict(fields) | (wishes["settings"] or {})
    schedule = wishes["schedule"] or schedule
    scope = scope_settings(options, dict(fields.get("scope", {"preset": "video_infinity"})))
    chosen: dict[str, Any] = dict(fields) | given(options, SAMPLING)
    if scope:
        chosen["scope"] = scope
    refuse(field_troubles(f"config {options.config}: settings", Settings, chosen))
    settings = Settings(**chosen)
    dtype = options.dtype or dtype_on(config, platform)
    return Blueprint(built(arguments), schedule, settings, dtype)


def _arguments(config: ConfigDict) -> dict[str, dict[str, Any]]:
    """Those of the networks' constructors, where the config differs from VideoCrafter2."""
    unet, autoencoder, text = (
        config.get(part, ConfigDict()).to_dict() for part in ("unet", "autoencoder", "text_encoder")
    )
    width = {"context_width": text["width"]} if "width" in text else {}
    return {"unet": unet | width, "autoencoder": autoencoder, "text_encoder": text}


def _settings(config: ConfigDict, name: str | Path) -> dict[str, Any]:
    """What a config that trains a model says of its sampling."""
    if "settings" in config:
        return {}
    missing = [field for field in DESCRIBED if field not in config]
    if missing:
        raise ValueError(
            f"config {name} describes no text-to-video model, for it lacks {', '.join(missing)}; "
            "give another, such as sprites or videocrafter2"
        )
    height, width = config.size
    facts = {"latent_scale": 1.0, "height": height, "width": width, "fps": config.fps}
    facts |= {"prediction": config.prediction, "clip_frames": config.frames}
    return facts | config.generation.to_dict()
