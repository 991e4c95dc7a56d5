"""The tasks of `pvdm_networks` done by the public code, which is imported from a checkout."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from .paired import Call
from .pvdm_work import FRAMES, LATENT_CHANNELS, RATE, STEPS, Work

UNET = {
    "image_size": 32,
    "in_channels": LATENT_CHANNELS,
    "out_channels": LATENT_CHANNELS,
    "num_res_blocks": 2,
    "attention_resolutions": [4, 2, 1],
    "channel_mult": [1, 2, 4, 4],
    "num_heads": 8,
    "use_scale_shift_norm": True,
    "resblock_updown": True,
    "cond_model": True,
}
"""Of the released configuration; model_channels is to be added."""
COMPUTED = ("coords", "inv_freqs", "scales", "zeros")
"""Ends of the names of what the public networks compute and store."""


def prepared(work: Work, public: Path) -> Call:
    """One call of the task. public: the checkout."""
    sys.path.append(str(public))
    # Imported by the public losses for pictures that nobody draws here.
    pictures = ModuleType("torchvision.utils")
    pictures.make_grid = None
    sys.modules |= {"torchvision": ModuleType("torchvision"), "torchvision.utils": pictures}
    return TASKS[work.name](work)


def _encode(work: Work) -> Call:
    model, video = _autoencoder(work), work.video()

    def call() -> np.ndarray:
        with torch.no_grad():
            return _last(model.extract(_unit(video)))

    return call


def _decode(work: Work) -> Call:
    model, latents = _autoencoder(work), _first(work.latents())

    def call() -> np.ndarray:
        with torch.no_grad():
            return _videos(model.decode_from_sample(latents))

    return call


def _noise(work: Work) -> Call:
    model, times = _unet(work), torch.from_numpy(work.times())
    x, condition = _first(work.noise()), _first(work.condition())

    def call() -> np.ndarray:
        with torch.no_grad():
            return _last(model(x, condition, times))

    return call


def _autoencoder_step(work: Work) -> Call:
    model, video = _autoencoder(work).train(), work.video()
    rule = torch.optim.AdamW(model.parameters(), RATE, betas=(0.5, 0.9))

    def call() -> np.ndarray:
        x = _unit(video)
        made = model(x)[0].unflatten(0, (-1, FRAMES)).movedim(1, 2)
        return _step(rule, 4 * (x - made).abs().mean())

    return call


def _unet_step(work: Work) -> Call:
    model = _diffusion(work).train()
    rule = torch.optim.AdamW(model.model.parameters(), RATE)
    target, condition, noise = map(_first, (work.latents(), work.condition(), work.noise()))
    times = torch.from_numpy(work.times()).long()
    return lambda: _step(rule, model.p_losses(target, condition, times, noise)[0])


def _step(rule: torch.optim.Optimizer, loss: torch.Tensor) -> np.ndarray:
    rule.zero_grad()
    loss.backward()
    rule.step()
    return loss.detach().numpy()


def _clip(work: Work) -> Call:
    autoencoder, model = _autoencoder(work), _diffusion(work).eval()
    condition, noise = _first(work.condition()), _first(work.noise())
    shape = noise.shape
    torch.randn = lambda *shape, **how: noise

    def call() -> np.ndarray:
        with torch.no_grad():
            frames = _videos(autoencoder.decode_from_sample(model.ddim_sample(shape, condition)))
        return ((np.clip(frames, -1, 1) + 1) * 127.5).astype(np.uint8)

    return call


def _autoencoder(work: Work) -> Any:
    from models.autoencoder.autoencoder_vit import ViTAutoencoder

    given = work.arguments["autoencoder"]
    sizes = {"resolution": given["size"], "channels": given["width"]}
    model = ViTAutoencoder(LATENT_CHANNELS, sizes | {"timesteps": FRAMES, "splits": 1})
    return _filled(model, work.tensors("autoencoder")).eval()


def _unet(work: Work) -> Any:
    from models.ddpm.unet import UNetModel

    model = UNetModel(model_channels=work.arguments["unet"]["channels"][0], **UNET)
    return _filled(model, work.tensors("unet")).eval()


def _diffusion(work: Work) -> Any:
    """The UNet with the public losses and sampler, at the released configuration's w."""
    from losses.ddpm import DDPM
    from models.ddpm.unet import DiffusionWrapper

    how = {"sampling_timesteps": STEPS, "ddim_sampling_eta": 0.0, "w": 0.0}
    return DDPM(DiffusionWrapper(_unet(work)), channels=LATENT_CHANNELS, **how)


def _filled(model: Any, tensors: dict[str, np.ndarray]) -> Any:
    weights = {name: torch.from_numpy(x) for name, x in tensors.items()}
    missing, strange = model.load_state_dict(weights, strict=False)
    if strange or not all(name.endswith(COMPUTED) for name in missing):
        raise ValueError(f"the public network is another one: {strange}, {missing}")
    return model


def _unit(video: np.ndarray) -> torch.Tensor:
    """Bytes (B, F, H, W, 3) as float32 (B, 3, F, H, W) in [-1, 1]."""
    return torch.from_numpy(video).float().div(127.5).sub(1).movedim(-1, 1).contiguous()


def _videos(frames: torch.Tensor) -> np.ndarray:
    """(B F, 3, H, W) as (B, F, H, W, 3)."""
    return frames.unflatten(0, (-1, FRAMES)).movedim(2, -1).numpy()


def _first(x: np.ndarray) -> torch.Tensor:
    """(B, N, D) as (B, D, N)."""
    return torch.from_numpy(np.ascontiguousarray(x.swapaxes(1, 2)))


def _last(x: torch.Tensor) -> np.ndarray:
    return x.numpy().swapaxes(1, 2)


TASKS = {
    "encode": _encode,
    "decode": _decode,
    "autoencoder_step": _autoencoder_step,
    "noise": _noise,
    "unet_step": _unet_step,
    "clip": _clip,
}
