"""What the public classes say to our exports: do they take every tensor, and compute the same?

Needs torch, diffusers and transformers, which this project does not depend on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from convert import component_configs, naming
from tests.convert import sources
from vinf_jax.checkpoint.torch_file import open_tensors
from vinf_jax.nn.networks import parameters
from vinf_jax.nn.parameters import merge, split
from vinf_jax.systems.video_infinity.networks import built

CLASSES = {
    "unet": ("diffusers", "UNet3DConditionModel"),
    "autoencoder": ("diffusers", "AutoencoderKL"),
    "text_encoder": ("transformers", "CLIPTextModel"),
}
FRAME_RATE = 8
VIDEOCRAFTER = sources.SMALL
MODELSCOPE = sources.SMALL | {"unet": sources.SMALL["unet"] | {"fps_conditioned": False}}
FPS = [f"fps_embedding.linear_{n}.{kind}" for n in (1, 2) for kind in ("bias", "weight")]
"""What VideoCrafter2 has beyond the public UNet."""


def numbers(of: Mapping[str, Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """A model's arrays with which activations stay of order one; nothing is zero."""
    return {name: _calm(name, x) for name, x in sources.drawn(of).items()}


def strictly(part: str, folder: Path) -> tuple[Any, list[str]]:
    """The public class with the tensors of a component's folder, and what it has no place for.

    Everything that it has must be there, in its shape. `load_state_dict` is what is asked, so that
    nothing is renamed on the way; only transformers' own prefix, which its class has lost, is
    removed as its loader does.
    """
    import torch

    model = _public(part, folder)
    (file,) = folder.glob("*.safetensors")
    stored = open_tensors(file)
    own = model.state_dict()
    prefix = "text_model." if "text_model.final_layer_norm.bias" not in own else ""
    tensors = {n.removeprefix(prefix): torch.from_numpy(np.array(stored[n])) for n in stored}
    extra = sorted(set(tensors) - set(own))
    model.load_state_dict({n: x for n, x in tensors.items() if n not in extra}, strict=True)
    return model.eval(), extra


def from_pretrained(part: str, folder: Path) -> dict[str, list[str]]:
    """What the public loader reports: names that are missing, unexpected or of another shape."""
    _, said = _class(part).from_pretrained(folder, output_loading_info=True, **_quiet(part))
    kinds = ("missing_keys", "unexpected_keys", "mismatched_keys")
    return {kind: sorted(map(str, said[kind])) for kind in kinds}


def full_size(part: str, fps: bool = True) -> tuple[dict[str, tuple], dict[str, tuple]]:
    """Names and shapes at VideoCrafter2's size: of our export, and of the public class."""
    import torch

    arguments = dict(FULL[part]) | ({"fps_conditioned": fps} if part == "unet" else {})
    like = {
        name.removeprefix(f"{part}."): x for name, x in parameters(built({part: arguments})).items()
    }
    kind = naming.naming_of(part, "diffusers")
    ours = {kind.prefixes[0] + row.source: row.source_shape(like) for row in kind.rows(arguments)}
    config = component_configs.OF[part](arguments, component_configs.LATENT_SCALE)
    with torch.device("meta"):
        theirs = made(part, config).state_dict()
    return ours, {
        _bare(name): tuple(x.shape) for name, x in theirs.items() if "position_ids" not in name
    }


def differences(of: Mapping[str, Mapping[str, Any]], arrays, folder: Path) -> dict[str, float]:
    """The largest difference of outputs, of the public classes to ours, in float32.

    Where our UNet is told a frame rate, what that adds is added to the public one's embedding of
    time too.
    """
    import torch

    rng = np.random.default_rng(1)
    ids = rng.integers(0, of["text_encoder"]["vocabulary"], (2, of["text_encoder"]["length"]))
    latents = rng.standard_normal((2, 3, 8, 16, 4), np.float32)
    text = rng.standard_normal((2, 5, of["unet"]["context_width"]), np.float32)
    models = {part: strictly(part, folder / name)[0] for part, name in sources.FOLDERS.items()}
    ours = {part: _ours(of, part, arrays) for part in models}
    if of["unet"]["fps_conditioned"]:
        said = torch.from_numpy(frame_rate(arrays, of["unet"]["channels"][0], FRAME_RATE))
        models["unet"].time_embedding.register_forward_hook(lambda *call: call[-1] + said)
    with torch.no_grad():
        theirs = {
            "text_encoder": models["text_encoder"](torch.from_numpy(ids)).last_hidden_state,
            "autoencoder": models["autoencoder"].decode(_torch(latents[0], 0, 3, 1, 2)).sample,
            "unet": models["unet"](
                _torch(latents, 0, 4, 1, 2, 3), torch.tensor(501), torch.from_numpy(text)
            ).sample,
        }
    made = {
        "text_encoder": ours["text_encoder"](ids.astype(np.int32)),
        "autoencoder": ours["autoencoder"].decode(jnp.asarray(latents[0])).transpose(0, 3, 1, 2),
        "unet": ours["unet"](
            jnp.asarray(latents), jnp.array([501, 501]), jnp.asarray(text), FRAME_RATE
        ).transpose(0, 4, 1, 2, 3),
    }
    return {
        part: float(np.abs(np.asarray(made[part]) - theirs[part].numpy()).max()) for part in made
    }


FULL = {
    "unet": {
        "in_channels": 4,
        "out_channels": 4,
        "channels": [320, 640, 1280, 1280],
        "layers": 2,
        "attention": [True, True, True, False],
        "head_size": 64,
        "context_width": 1024,
        "norm_groups": 32,
    },
    "autoencoder": {
        "in_channels": 3,
        "latent_channels": 4,
        "channels": [128, 256, 512, 512],
        "layers": 2,
        "norm_groups": 32,
    },
    "text_encoder": {
        "vocabulary": 49408,
        "length": 77,
        "width": 1024,
        "heads": 16,
        "layers": 23,
        "mlp_ratio": 4,
    },
}


def frame_rate(arrays: Mapping[str, np.ndarray], width: int, rate: float) -> np.ndarray:
    """VideoCrafter2's embedding of a frame rate (frames a second), cosines first; in numpy."""
    waves = rate * 1e4 ** -(np.arange(width // 2) / (width // 2))
    x = np.concatenate([np.cos(waves), np.sin(waves)])
    layer = {n: arrays[n].astype(np.float64) for n in arrays if n.startswith("unet.fps_")}
    for n in (1, 2):
        name = f"unet.fps_embedding.linear_{n}"
        x = x @ layer[f"{name}.kernel"] + layer[f"{name}.bias"]
        x = x / (1 + np.exp(-x)) if n == 1 else x
    return x.astype(np.float32)


def _calm(name: str, x: np.ndarray) -> np.ndarray:
    if x.ndim > 1:
        return x / np.float32(np.sqrt(np.prod(x.shape[:-1])))
    return np.float32(0.1) * x + np.float32(name.endswith("scale"))


def _class(part: str) -> Any:
    import importlib

    module, name = CLASSES[part]
    return getattr(importlib.import_module(module), name)


def _public(part: str, folder: Path) -> Any:
    if part == "text_encoder":
        return _class(part)(_class(part).config_class.from_pretrained(folder))
    return _class(part).from_config(_class(part).load_config(folder))


def made(part: str, config: Mapping[str, Any]) -> Any:
    """The public class with a component's config, its numbers as they come."""
    if part == "text_encoder":
        return _class(part)(_class(part).config_class(**config))
    return _class(part).from_config(config)


def _quiet(part: str) -> dict[str, Any]:
    """diffusers would ask for accelerate otherwise."""
    return {} if part == "text_encoder" else {"low_cpu_mem_usage": False}


def _ours(of: Mapping[str, Mapping[str, Any]], part: str, arrays) -> Any:
    graph, like = split(built({part: of[part]})[part])
    return merge(graph, {name: jnp.asarray(arrays[f"{part}.{name}"]) for name in like})


def _torch(x: np.ndarray, *axes: int) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(x.transpose(axes)))


def _bare(name: str) -> str:
    """With the prefix of transformers' text tower, whichever version made it."""
    text = name.startswith(("embeddings.", "encoder.layers.", "final_layer_norm."))
    return f"text_model.{name}" if text else name
