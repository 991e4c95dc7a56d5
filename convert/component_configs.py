"""config.json of each component: what diffusers and transformers want to know, and say."""

from collections.abc import Callable, Mapping
from typing import Any

VERSION = "0.30.0"
"""Of diffusers whose files ours are like; the fields have not changed since 0.15."""
LATENT_SCALE = 0.18215
"""Of Stable Diffusion's autoencoder, which all models that are read here have."""
HEAD = 64
"""Features per head of CLIP's text towers, at every published width."""
NORM_GROUPS = 32
TEXT_DEFAULTS = {"hidden_act": "quick_gelu", "num_attention_heads": 8, "layer_norm_eps": 1e-5}
"""What transformers leaves out of a config when it is the class' default."""


def unet(arguments: Mapping[str, Any], latent_scale: float) -> dict[str, Any]:
    """Of UNet3DConditionModel; with a frame rate, of Video-Infinity's class beside it."""
    attention, fps = arguments["attention"], arguments["fps_conditioned"]
    down = ["CrossAttnDownBlock3D" if has else "DownBlock3D" for has in attention]
    up = ["CrossAttnUpBlock3D" if has else "UpBlock3D" for has in reversed(attention)]
    return {
        "_class_name": "UNet3DVideoCrafterConditionModel" if fps else "UNet3DConditionModel",
        "_diffusers_version": VERSION,
        "sample_size": None,
        "in_channels": arguments["in_channels"],
        "out_channels": arguments["out_channels"],
        "down_block_types": down,
        "up_block_types": up,
        "block_out_channels": list(arguments["channels"]),
        "layers_per_block": arguments["layers"],
        "downsample_padding": 1,
        "mid_block_scale_factor": 1,
        "act_fn": "silu",
        "norm_num_groups": arguments["norm_groups"],
        "norm_eps": 1e-5,
        "cross_attention_dim": arguments["context_width"],
        "attention_head_dim": arguments["head_size"],
        **({"fps_cond": True} if fps else {}),
    }


def autoencoder(arguments: Mapping[str, Any], latent_scale: float) -> dict[str, Any]:
    """Of AutoencoderKL."""
    levels = len(arguments["channels"])
    return {
        "_class_name": "AutoencoderKL",
        "_diffusers_version": VERSION,
        "in_channels": arguments["in_channels"],
        "out_channels": arguments["in_channels"],
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "block_out_channels": list(arguments["channels"]),
        "layers_per_block": arguments["layers"],
        "act_fn": "silu",
        "latent_channels": arguments["latent_channels"],
        "norm_num_groups": arguments["norm_groups"],
        "sample_size": 512,
        "scaling_factor": latent_scale,
    }


def text_encoder(arguments: Mapping[str, Any], latent_scale: float) -> dict[str, Any]:
    """Of CLIPTextModel. The ids are those that the public configs carry and nobody reads."""
    return {
        "architectures": ["CLIPTextModel"],
        "model_type": "clip_text_model",
        "vocab_size": arguments["vocabulary"],
        "hidden_size": arguments["width"],
        "intermediate_size": arguments["mlp_ratio"] * arguments["width"],
        "num_hidden_layers": arguments["layers"],
        "num_attention_heads": arguments["heads"],
        "max_position_embeddings": arguments["length"],
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "projection_dim": 512,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 1,
        "dtype": "float32",
    }


OF: dict[str, Callable[[Mapping[str, Any], float], dict[str, Any]]] = {
    "unet": unet,
    "autoencoder": autoencoder,
    "text_encoder": text_encoder,
}
UNTOLD = {
    *("_class_name", "_diffusers_version", "sample_size", "scaling_factor", "fps_cond"),
    *("architectures", "model_type", "projection_dim", "dtype"),
    *("bos_token_id", "eos_token_id", "pad_token_id"),
}
"""Fields that say nothing about the arithmetic."""
REFUSED = {"shift_factor", "latents_mean", "latents_std", "time_cond_proj_dim"}
"""Fields that must be null or missing."""


def completed(
    component: str, arguments: Mapping[str, Any], config: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments that shapes tell, with those that only config.json does or habit.

    Raises:
        ValueError: sizes that no network has.
    """
    if component != "text_encoder":
        more = {"norm_groups": config.get("norm_num_groups", NORM_GROUPS)}
    else:
        usual = max(arguments["width"] // HEAD, 1)
        heads = (TEXT_DEFAULTS | dict(config))["num_attention_heads"] if config else usual
        more = {"heads": heads}
    whole: dict[str, Any] = {**arguments, **more}
    strange = [
        f"{name} would be {value!r}"
        for name, value in whole.items()
        for size in (value if isinstance(value, list) and name in arguments else [value])
        if not isinstance(size, bool) and (not isinstance(size, int) or size < 1)
    ]
    if whole.get("head_size", 0) > min(whole.get("channels", [0])):
        strange.append(f"heads of {whole['head_size']} in channels {whole['channels']}")
    if strange:
        raise ValueError(f"no network has such sizes: {', '.join(strange)}")
    return whole


def troubles(component: str, arguments: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """What config.json says that is another network than the one of these arguments."""
    if not config:
        return []
    wanted = OF[component](arguments, LATENT_SCALE)
    given = TEXT_DEFAULTS | dict(config) if component == "text_encoder" else dict(config)
    lines = [
        f"config.json says {name} {given[name]!r}; the tensors and what is supported say {value!r}"
        for name, value in wanted.items()
        if name not in UNTOLD and name in given and not _same(given[name], value)
    ]
    return lines + [
        f"config.json says {name} {given[name]!r}, which is not supported"
        for name in sorted(REFUSED)
        if given.get(name) is not None
    ]


def model_index(parts: Mapping[str, Mapping[str, Any]], tokenizer: bool) -> dict[str, Any]:
    """model_index.json for these components' arguments; classes that diffusers lacks are named by
    the module of Video-Infinity that has them."""
    fps = parts.get("unet", {}).get("fps_conditioned", False)
    network = ["models.unet_3d_condition", "UNet3DVideoCrafterConditionModel"]
    index = {
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": network if fps else ["diffusers", "UNet3DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    there = {"unet": "unet", "vae": "autoencoder", "text_encoder": "text_encoder"}
    missing = {theirs for theirs, ours in there.items() if ours not in parts}
    missing |= set() if tokenizer else {"tokenizer"}
    return {
        "_class_name": "TextToVideoSDPipeline",
        "_diffusers_version": VERSION,
        **{name: [None, None] if name in missing else value for name, value in index.items()},
    }


def _same(given: Any, wanted: Any) -> bool:
    return (list(given) if isinstance(given, tuple | list) else given) == wanted
