"""The work of `networks` done by PyTorch: diffusers' and transformers' classes, eager or compiled.

diffusers' UNet has no place for a frame rate: what ours adds to the embedding of time is added to
its own.
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from convert import component_configs
from tests.parity import interoperability as public

from .network_work import RATE, TIME, Work
from .paired import Call

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def prepared(work: Work, compiled: bool) -> Call:
    """One call; with `compiled` through torch.compile."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    network = model(work)
    call = {"unet": _unet, "autoencoder": _decode, "text_encoder": _text}[work.part]
    run = call(network, work, compiled)

    def once() -> np.ndarray:
        with torch.no_grad():
            return run()

    return once


def model(work: Work) -> Any:
    """The public class with the weights, in the layout that suits its convolutions best."""
    tensors = work.tensors()
    config = component_configs.OF[work.part](work.arguments, component_configs.LATENT_SCALE)
    # On "meta" nothing is drawn only to be replaced; CLIP's class computes one of its tensors.
    where = torch.device("cpu" if work.part == "text_encoder" else "meta")
    with where:
        found = public.made(work.part, config)
    own = found.state_dict()
    prefix = "text_model." if any(name.startswith("text_model.") for name in own) else ""
    given = {prefix + n: torch.from_numpy(tensors[n]) for n in tensors if n not in public.FPS}
    found.load_state_dict(given, strict=True, assign=True)
    if work.part == "unet":
        said = torch.from_numpy(
            public.frame_rate(_fps(tensors), work.arguments["channels"][0], RATE)
        )
        said = said.to(DEVICE, getattr(torch, work.dtype))
        found.time_embedding.register_forward_hook(lambda *call: call[-1] + said)
    return _laid(found.eval(), work)


def _laid(network: Any, work: Work) -> Any:
    network.to(DEVICE, getattr(torch, work.dtype))
    return channels_last(network) if DEVICE == "cuda" else network


def channels_last(network: Any) -> Any:
    """The kernels of its convolutions laid out so, in two and in three dimensions; the network's
    own `to` knows one of them at a time."""
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    for x in network.parameters():
        if x.dim() in layouts:
            x.data = x.data.to(memory_format=layouts[x.dim()])
    return network


def _unet(network: Any, work: Work, compiled: bool) -> Call:
    inputs = (
        _first(work.latents(), work),
        torch.tensor(TIME, device=DEVICE),
        _tensor(work.text(), work),
    )
    run = torch.compile(network) if compiled else network
    return lambda: run(*inputs).sample.float().cpu().numpy().transpose(0, 2, 3, 4, 1)


def _decode(network: Any, work: Work, compiled: bool) -> Call:
    latents = _first(work.latents(), work)[0].transpose(0, 1).contiguous()
    run = torch.compile(network.decode) if compiled else network.decode
    return lambda: run(latents).sample.float().cpu().numpy().transpose(0, 2, 3, 1)


def _text(network: Any, work: Work, compiled: bool) -> Call:
    tokens = torch.from_numpy(work.tokens()).long().to(DEVICE)
    run = torch.compile(network) if compiled else network
    return lambda: run(tokens).last_hidden_state.float().cpu().numpy()


def _first(x: np.ndarray, work: Work) -> torch.Tensor:
    """(B, F, H, W, C) as (B, C, F, H, W)."""
    return _tensor(np.ascontiguousarray(x.transpose(0, 4, 1, 2, 3)), work)


def _tensor(x: np.ndarray, work: Work) -> torch.Tensor:
    return torch.from_numpy(x).to(DEVICE, getattr(torch, work.dtype))


def _fps(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The layers of the frame rate by our names."""
    found = {}
    for name in public.FPS:
        layer, _, kind = name.rpartition(".")
        x = tensors[name]
        found[f"unet.{layer}.{'kernel' if kind == 'weight' else kind}"] = x.T if x.ndim == 2 else x
    return found
