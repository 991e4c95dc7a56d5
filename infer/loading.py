"""The model that a config and flags name: its folder, its precision, its settings."""

import argparse
from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

import vinf_jax
from vinf_jax.programs import load_config

from .devices import deterministic, simulate
from .options import DTYPES, VOCABULARY, refuse

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
    how: dict[str, Any] = {}
    wishes: list[Callable[[], dict[str, Any]]] = [
        lambda: {"dtype": options.dtype or dtype_on(config, jax.default_backend())},
        lambda: wished(config),
        lambda: {"tokenizer": _tokenizer(options.tokenizer)},
    ]
    wrong = []
    for wish in wishes:
        try:
            how |= wish()
        except ValueError as error:
            wrong.append(str(error))
    refuse([*troubles, *wrong] if wrong else [])
    try:
        return VideoInfinity.load(folder, **how)
    except ValueError as error:
        refuse([*troubles, f"weights: {error}; {ADVICE}"])


def dtype_on(config: ConfigDict, platform: str) -> str:
    """The precision that a config wishes for a platform ("cpu", "gpu"), float32 without a wish.

    Raises:
        ValueError: a wish for no platform, or for something else than a precision.
    """
    wishes = config.get("dtype", ConfigDict())
    if not isinstance(wishes, ConfigDict):
        raise ValueError(
            f"config: dtype is {wishes!r}; give one for each platform, such as "
            '{"cpu": "float32", "gpu": "bfloat16"}'
        )
    name = wishes.get(platform, "float32")
    if name not in DTYPES:
        raise ValueError(f"config: dtype.{platform} is {name!r}; give one of {', '.join(DTYPES)}")
    return name


def wished(config: ConfigDict) -> dict[str, Any]:
    """What a config replaces of what a folder says: "schedule" and "settings", None where nothing.

    Raises:
        ValueError: a schedule or settings that there are not.
    """
    from vinf_jax.systems.video_infinity import SCHEDULES, Settings

    name, fields, found = config.get("schedule"), config.get("settings"), []
    if "schedule" in config and name not in list(SCHEDULES):
        found.append(f"config: schedule is {name!r}; give one of {', '.join(SCHEDULES)}")
    known = list(signature(Settings).parameters)
    if "settings" in config and not isinstance(fields, ConfigDict):
        found.append(f"config: settings is {fields!r}; give a ConfigDict of settings")
    elif fields and (strange := [name for name in fields if name not in known]):
        found.append(f"config: settings has {', '.join(strange)}; there are {', '.join(known)}")
    refuse(found)
    return {
        "schedule": None if name is None else SCHEDULES[name](),
        "settings": None if fields is None else fields.to_dict(),
    }


def _tokenizer(path: Path | None) -> Any:
    from vinf_jax.models.clip_tokenizer import ClipTokenizer

    try:
        return ClipTokenizer(path) if path else None
    except ValueError as error:
        raise ValueError(f"{error}; --tokenizer takes {VOCABULARY}") from error
