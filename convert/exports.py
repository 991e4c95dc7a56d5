"""Models written as others do: one file with lvdm's names, a diffusers folder, PVDM's files."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import vinf_jax
from vinf_jax.checkpoint.index import Shapes
from vinf_jax.checkpoint.mapping import Exported, Row, place
from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.checkpoint.torch_file import open_tensors

from . import component_configs, pvdm, schedules
from .model import Model
from .naming import FOLDERS, fits, is_beside, naming_of
from .opened import HEAD, KEPT
from .tensors import Joined, Watched

OnArray = Callable[[str, np.ndarray], object]
"""Told every array that is read to be written."""
MAKER = "vinf_jax "
TEXTS = {"format": "pt", "made_by": f"{MAKER}{vinf_jax.__version__}"}
SPECIAL = {
    "bos_token": "<|startoftext|>",
    "eos_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
}
"""The pad token "!" is id 0, with which these text towers were trained."""


WEIGHTS = {
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "autoencoder": "vae/diffusion_pytorch_model.safetensors",
    "text_encoder": "text_encoder/model.safetensors",
}
"""The weights of each component in a diffusers folder."""
BESIDE = {
    "model_index.json",
    "scheduler/scheduler_config.json",
    *(f"{folder}/config.json" for folder in FOLDERS.values()),
    *(f"tokenizer/{name}" for name in ("vocab.json", "merges.txt")),
    *(f"tokenizer/{name}" for name in ("special_tokens_map.json", "tokenizer_config.json")),
}
"""And all else that lies there."""


def foreign(folder: Path) -> list[str]:
    """The files of a folder that are no part of an export to diffusers or PVDM; a file itself if it
    is none to lvdm."""
    if not folder.is_dir():
        return [] if _made_here(folder) else [folder.name]
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    names = {file.relative_to(folder).as_posix(): file for file in files}
    weights = {KEPT, *WEIGHTS.values(), *pvdm.FILES.values()}
    own = {name for name, file in names.items() if name in weights and _made_here(file)}
    own |= BESIDE if own else set()
    return [name for name in names if name not in own]


def write_lvdm(model: Model, path: Path, on_array: OnArray) -> list[str]:
    """Writes one safetensors file with the names of VideoCrafter's checkpoints.

    Kept tensors that such a file has a place for are in it, so one that was imported comes back
    whole. The configs lie in its head. Returns the names of the kept that have no place.
    """
    rows = [row for part in model.arguments for row in _rows(model, part, "lvdm")]
    stored = _beside(model)
    kept = [name for name in stored if fits(name, "lvdm", model.arguments)]
    configs = _configs(model) | {"scheduler": _scheduler(model)}
    heads = {HEAD + part: json.dumps(config) for part, config in configs.items()}
    beside = {name: (stored[name].shape, stored[name].dtype) for name in kept}
    arrays = Exported(rows, Watched(model.arrays, model.shapes, on_array))
    tensors = Joined(arrays, Watched(stored, kept, on_array))
    write_safetensors(path, tensors, TEXTS | heads, shapes=_shapes(rows, model) | beside)
    return [name for name in model.kept if name not in kept]


def write_diffusers(model: Model, folder: Path, on_array: OnArray) -> None:
    """Writes a diffusers folder into an empty one: configs, weights, schedule, tokenizer.

    The kept tensors lie beside the components, where diffusers does not look.
    """
    configs = _configs(model)
    for part, config in configs.items():
        inside = folder / FOLDERS[part]
        inside.mkdir()
        _json(inside / "config.json", config)
        rows = _rows(model, part, "diffusers")
        names = [name for row in rows for name in row.targets]
        arrays = Exported(rows, Watched(model.arrays, names, on_array))
        file = folder / WEIGHTS[part]
        write_safetensors(file, arrays, TEXTS, shapes=_shapes(rows, model))
    (folder / "scheduler").mkdir()
    _json(folder / "scheduler" / "scheduler_config.json", _scheduler(model))
    if model.vocabulary:
        _write_tokenizer(folder / "tokenizer", model.vocabulary, model.tokenizer.length)
    index = component_configs.model_index(model.arguments, bool(model.vocabulary))
    _json(folder / "model_index.json", index)
    if kept := _beside(model):
        write_safetensors(folder / KEPT, kept, TEXTS)


def write_pvdm(model: Model, folder: Path, on_array: OnArray) -> None:
    """Writes one safetensors file per network into an empty folder, with the public code's names.

    What its classes store beside the parameters is in it: as it was kept, else computed. What
    shapes cannot tell lies in the heads.
    """
    settings = json.dumps(model.settings.to_dict())
    for part, arguments in model.arguments.items():
        rows, home = _rows(model, part, "pvdm"), naming_of(part, "pvdm").home
        kept = [name for name in model.kept if is_beside(name, part, "pvdm", arguments)]
        computed = {home + name: x for name, x in pvdm.BUFFERS[part](arguments).items()}
        beside = Joined(Watched(model.kept, kept, on_array), computed)
        shapes = {name: (x.shape, x.dtype) for name, x in beside.items()}
        told = {name: arguments[name] for name in pvdm.UNTOLD if name in arguments}
        heads = {f"{HEAD}{part}": json.dumps(told), f"{HEAD}settings": settings}
        names = [name for row in rows for name in row.targets]
        arrays = Exported(rows, Watched(model.arrays, names, on_array))
        file, whole = folder / pvdm.FILES[part], Joined(arrays, beside)
        write_safetensors(file, whole, TEXTS | heads, shapes=_shapes(rows, model) | shapes)


def _beside(model: Model) -> Mapping[str, np.ndarray]:
    """What was kept; and the schedule's buffers where its signal scale, for which configs have no
    place, is not among that."""
    schedule = model.schedule
    if schedule is None or schedule.signal_scale is None or "scale_arr" in model.kept:
        return model.kept
    return Joined(schedules.recomputed(schedule), model.kept)


def _made_here(file: Path) -> bool:
    try:
        return open_tensors(file).metadata.get("made_by", "").startswith(MAKER)
    except ValueError:
        return False


def _rows(model: Model, part: str, layout: str) -> list[Row]:
    """The rows of a component, with the names that its tensors have in the file."""
    kind = naming_of(part, layout)
    return place(kind.rows(model.arguments[part]), part, kind.prefixes[0].removesuffix("."))


def _shapes(rows: list[Row], model: Model) -> Shapes:
    like = {name: np.broadcast_to(np.int8(0), shape) for name, (shape, _) in model.shapes.items()}
    return {row.source: (row.source_shape(like), model.shapes[row.targets[0]][1]) for row in rows}


def _configs(model: Model) -> dict[str, dict[str, Any]]:
    scale = model.settings.latent_scale
    return {
        part: component_configs.OF[part](arguments, scale)
        for part, arguments in model.arguments.items()
    }


def _scheduler(model: Model) -> dict[str, Any]:
    assert model.schedule is not None, "every text-to-video model has one"
    return schedules.config_of(model.schedule, model.settings.prediction)


def _write_tokenizer(folder: Path, files: Mapping[str, str], length: int) -> None:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    special = SPECIAL | {"pad_token": "!"}
    _json(folder / "special_tokens_map.json", special)
    more = {"tokenizer_class": "CLIPTokenizer", "model_max_length": length}
    _json(folder / "tokenizer_config.json", special | more | {"do_lower_case": True})


def _json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
