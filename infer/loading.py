"""The model that a config and flags name: its folder, its precision, its settings."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

import vinf_jax
from vinf_jax.programs import load_config

from .devices import deterministic, simulate
from .options import refuse

ADVICE = (
    "train a model (python -m train), import one (python -m convert import), or give another "
    "folder: --weights FOLDER"
)


def weights_of(options: argparse.Namespace) -> Path:
    """The folder of the weights: the given one, or the one shipped for the config."""
    return options.weights or shipped(Path(options.config).stem)


def shipped(name: str) -> Path:
    """The folder of a model that comes with the library."""
    return Path(vinf_jax.__file__).resolve().parent / "weights" / name


def loaded(options: argparse.Namespace, devices: int, troubles: Sequence[str]) -> Any:
    """The model (`VideoInfinity`), with `devices` simulated ones where only a CPU is at hand, over
    all processes.

    A config may replace what the folder says: `settings` its settings, `schedule` its noise.

    Raises:
        ValueError: `troubles`, and that the weights are missing or damaged.
    """
    folder = weights_of(options)
    if not folder.is_dir():
        refuse([*troubles, f"weights: there is no folder {folder}; {ADVICE}"])
    simulate(-(-devices // (vars(options).get("processes") or 1)))
    if vars(options).get("deterministic"):
        deterministic()
    import jax

    from vinf_jax.systems.video_infinity import VideoInfinity

    if options.compile_cache:
        jax.config.update("jax_compilation_cache_dir", str(options.compile_cache))
    config = load_config(options.config)
    dtype = options.dtype or dtype_on(config, jax.default_backend())
    try:
        return VideoInfinity.load(folder, dtype=dtype, **_changes(config, options.tokenizer))
    except ValueError as error:
        refuse([*troubles, f"weights: {error}; {ADVICE}"])


def dtype_on(config: ConfigDict, platform: str) -> str:
    """The precision that a config wishes for a platform ("cpu", "gpu"), float32 without a wish."""
    return config.get("dtype", {}).get(platform, "float32")


def _changes(config: ConfigDict, tokenizer: Path | None) -> Mapping[str, Any]:
    from vinf_jax.models.clip_tokenizer import ClipTokenizer
    from vinf_jax.systems.video_infinity import SCHEDULES

    return {
        "schedule": SCHEDULES[config.schedule]() if "schedule" in config else None,
        "settings": config.settings.to_dict() if "settings" in config else None,
        "tokenizer": ClipTokenizer(tokenizer) if tokenizer else None,
    }
