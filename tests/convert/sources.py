"""One small model with every key of the real ones' kinds, written in every layout that is read.

Levels, layers and attention as in VideoCrafter2, only narrow: the UNet has its 1484 tensors. Names
come from the tables, which `test_tables` holds against the public key lists.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convert import (
    clip_text,
    diffusers_autoencoder_kl,
    diffusers_unet3d,
    lvdm_autoencoder_kl,
    lvdm_unet3d,
    openclip_text,
    schedules,
    translation,
)
from tests.checkpoint.torch_files import state_dict, write_zip
from vinf_jax.checkpoint.mapping import export, place
from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.clip_tokenizer import END, END_OF_WORD, START, VERSION, byte_signs

Arguments = Mapping[str, Mapping[str, Any]]
ARGUMENTS: Arguments = {
    "unet": {
        "in_channels": 4,
        "out_channels": 4,
        "channels": [32, 64, 32, 32],
        "layers": 2,
        "attention": [True, True, True, False],
        "head_size": 8,
        "context_width": 16,
        "norm_groups": 32,
        "fps_conditioned": True,
    },
    "autoencoder": {
        "in_channels": 3,
        "latent_channels": 4,
        "channels": [32, 64, 32, 32],
        "layers": 2,
        "norm_groups": 32,
    },
    "text_encoder": {
        "vocabulary": 600,
        "length": 12,
        "width": 16,
        "heads": 1,
        "layers": 3,
        "mlp_ratio": 4,
    },
}
SMALL: Arguments = {
    "unet": ARGUMENTS["unet"] | {"channels": [32, 64], "layers": 1, "attention": [True, False]},
    "autoencoder": ARGUMENTS["autoencoder"] | {"channels": [32, 64], "layers": 1},
    "text_encoder": ARGUMENTS["text_encoder"] | {"layers": 1},
}
"""The same with fewer levels and layers, where the number of arrays costs time."""
TABLES = {"unet": ("channels", "layers", "attention", "fps_conditioned")}
TABLES |= {"autoencoder": ("channels", "layers"), "text_encoder": ("layers",)}
LVDM = {"unet": lvdm_unet3d, "autoencoder": lvdm_autoencoder_kl, "text_encoder": openclip_text}
LVDM_PREFIXES = {
    "unet": "model.diffusion_model",
    "autoencoder": "first_stage_model",
    "text_encoder": "cond_stage_model.model",
}
DIFFUSERS = {
    "unet": diffusers_unet3d,
    "autoencoder": diffusers_autoencoder_kl,
    "text_encoder": clip_text,
}
FOLDERS = {"unet": "unet", "autoencoder": "vae", "text_encoder": "text_encoder"}
DEEPSPEED = "_forward_module."


def drawn(of: Arguments = ARGUMENTS) -> dict[str, np.ndarray]:
    """Our arrays of a model, every number another one, and none beyond what float16 holds."""
    rng = np.random.default_rng(0)
    return {
        f"{part}.{name}": rng.standard_normal(x.shape, np.float32)
        for part, arguments in of.items()
        for name, x in translation.target(part, json.dumps(arguments, sort_keys=True)).items()
    }


def named(arrays, modules, component, prefix="", of=ARGUMENTS, **spelling):
    """A component's tensors as a layout names them, after a prefix."""
    chosen = {name: of[component][name] for name in TABLES[component]}
    rows = place(modules[component].table(**chosen, **spelling), component, prefix)
    names = {target for row in rows for target in row.targets}
    return export(rows, {name: x for name, x in arrays.items() if name in names})


def lvdm(arrays, of: Arguments = ARGUMENTS) -> dict[str, np.ndarray]:
    """Everything that VideoCrafter2's model.ckpt holds."""
    tensors = buffers()
    for component, prefix in LVDM_PREFIXES.items():
        tensors |= named(arrays, LVDM, component, prefix, of)
    return tensors | unused(of)


def buffers() -> dict[str, np.ndarray]:
    """The schedule, with the 400 factors too many of VideoCrafter2's file."""
    made = schedules.recomputed(Schedule.videocrafter2())
    scale = np.concatenate([made.pop("scale_arr"), np.full(400, 0.7)])
    return {name: x.astype(np.float32) for name, x in (made | {"scale_arr": scale}).items()}


def unused(of: Arguments = ARGUMENTS) -> dict[str, np.ndarray]:
    """The text tower's last layer and its way to CLIP's shared space."""
    rng = np.random.default_rng(9)
    text = of["text_encoder"]
    width, inner, layers = text["width"], text["mlp_ratio"] * text["width"], text["layers"]
    shapes = {
        "ln_1.weight": (width,),
        "ln_1.bias": (width,),
        "attn.in_proj_weight": (3 * width, width),
        "attn.in_proj_bias": (3 * width,),
        "attn.out_proj.weight": (width, width),
        "attn.out_proj.bias": (width,),
        "ln_2.weight": (width,),
        "ln_2.bias": (width,),
        "mlp.c_fc.weight": (inner, width),
        "mlp.c_fc.bias": (inner,),
        "mlp.c_proj.weight": (width, inner),
        "mlp.c_proj.bias": (width,),
    }
    last = {f"transformer.resblocks.{layers}.{name}": shape for name, shape in shapes.items()}
    rest = last | {"text_projection": (width, width), "logit_scale": ()}
    prefix = LVDM_PREFIXES["text_encoder"]
    return {f"{prefix}.{n}": rng.standard_normal(s).astype(np.float32) for n, s in rest.items()}


def configs(of: Arguments = ARGUMENTS) -> dict[str, dict[str, Any]]:
    """config.json as the public folders have it, as far as anybody reads it."""
    unet, vae, text = (of[part] for part in FOLDERS)
    crossing = ["CrossAttn" if has else "" for has in unet["attention"]]
    return {
        "unet": {
            "_class_name": "UNet3DVideoCrafterConditionModel",
            "act_fn": "silu",
            "attention_head_dim": unet["head_size"],
            "block_out_channels": unet["channels"],
            "cross_attention_dim": unet["context_width"],
            "down_block_types": [f"{kind}DownBlock3D" for kind in crossing],
            "up_block_types": [f"{kind}UpBlock3D" for kind in reversed(crossing)],
            "downsample_padding": 1,
            "fps_cond": True,
            "in_channels": 4,
            "out_channels": 4,
            "layers_per_block": unet["layers"],
            "mid_block_scale_factor": 1,
            "norm_eps": 1e-05,
            "norm_num_groups": unet["norm_groups"],
            "num_attention_heads": None,
            "sample_size": None,
        },
        "autoencoder": {
            "_class_name": "AutoencoderKL",
            "block_out_channels": vae["channels"],
            "layers_per_block": vae["layers"],
            "latent_channels": 4,
            "norm_num_groups": vae["norm_groups"],
            "scaling_factor": 0.18215,
        },
        "text_encoder": {
            "architectures": ["CLIPTextModel"],
            "hidden_act": "gelu",
            "hidden_size": text["width"],
            "intermediate_size": text["width"] * text["mlp_ratio"],
            "num_attention_heads": text["heads"],
            "num_hidden_layers": text["layers"],
            "layer_norm_eps": 1e-05,
        },
    }


def write_diffusers(
    folder: Path,
    arrays,
    *,
    extension: str = "safetensors",
    variant: str = "",
    shards: int = 1,
    old_names: bool = False,
    convolved: bool = False,
    text_prefix: str = "text_model",
) -> Path:
    """A diffusers folder in one of its forms."""
    for component, name in FOLDERS.items():
        spelling = {"old_names": old_names, "convolved": convolved}
        spelling = spelling if component == "autoencoder" else {}
        text = component == "text_encoder"
        tensors = named(arrays, DIFFUSERS, component, text_prefix if text else "", **spelling)
        if text and text_prefix:
            tensors["text_model.embeddings.position_ids"] = np.arange(12)[None]
        pickled = "pytorch_model" if text else "diffusion_pytorch_model"
        stem = "model" if text and extension == "safetensors" else pickled
        inside = folder / name
        inside.mkdir(parents=True)
        (inside / "config.json").write_text(json.dumps(configs()[component]))
        write_weights(inside, stem, tensors, extension, variant, shards)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "TextToVideoSDPipeline"}))
    return folder


def write_weights(folder, stem, tensors, extension, variant="", shards=1) -> None:
    """One file, or shards with an index, named as diffusers does."""
    write = write_safetensors if extension == "safetensors" else write_pickle
    dot = f".{variant}" if variant else ""
    if shards == 1:
        return write(folder / f"{stem}{dot}.{extension}", tensors)
    placed = {}
    for n in range(shards):
        file = f"{stem}{dot}-{n + 1:05d}-of-{shards:05d}.{extension}"
        part = dict(list(tensors.items())[n::shards])
        write(folder / file, part)
        placed |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": 0}, "weight_map": placed}
    (folder / f"{stem}.{extension}.index{dot}.json").write_text(json.dumps(index))
    return None


def write_pickle(path: Path, tensors) -> None:
    """As torch.save writes a state dict."""
    write_zip(path, state_dict(tensors))


def write_lvdm(path: Path, tensors) -> Path:
    """As pytorch_lightning does, with what it keeps beside the weights."""
    write_zip(path, {"epoch": 3, "global_step": 1200, "state_dict": state_dict(tensors)})
    return path


def write_deepspeed(path: Path, tensors) -> Path:
    """As DeepSpeed does."""
    write_zip(path, {"module": {DEEPSPEED + name: x for name, x in tensors.items()}})
    return path


def write_vocabulary(folder: Path) -> None:
    """The smallest of CLIP's kind: single signs, start and end."""
    signs = byte_signs()
    tokens = [*signs, *(sign + END_OF_WORD for sign in signs), START, END]
    folder.mkdir(parents=True)
    ids = {token: n for n, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(ids))
    (folder / "merges.txt").write_text(VERSION + "\n")
