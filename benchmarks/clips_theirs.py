"""The work of `clips` done by the public Video-Infinity code, imported from a checkout.

Its plugins are mounted as its wrapper does it, with the settings of its example. Only what needs
CUDA is replaced: gloo for nccl, and nothing to wait for.
"""

import importlib
import multiprocessing
import os
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from . import network_theirs
from .network_work import TIME, Work
from .paired import Call

ATTENTION = {
    "padding": 8,
    "top_k": 16,
    "top_k_chunk_size": 24,
    "attn_scale": 1.0,
    "token_num_scale": False,
    "dynamic_scale": True,
    "local_phase": {"t": 800, "local_biase": 10, "global_biase": 0},
    "global_phase": {"t": 800, "local_biase": 0, "global_biase": 10},
}
MOUNTED = {
    "Attention": ("attn", "AttentionPlugin"),
    "TemporalConvLayer": ("conv_layer", "ConvLayerPlugin"),
}
"""Of a class of layers that join frames, the plugins' name and class."""


def prepared(work: Work, ranks: int, public: Path, plugged: bool) -> Call:
    """One call of all processes; this one is the first and gets all frames in the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    spawn = multiprocessing.get_context("spawn")
    given = (work, ranks, port, public, plugged)
    for rank in range(1, ranks):
        spawn.Process(target=_follow, args=(rank, *given), daemon=True).start()
    once = _rank(0, *given)

    def call() -> np.ndarray:
        dist.broadcast(torch.ones(1), 0)
        frames = torch.cat(once(), dim=2)
        return frames.numpy().transpose(0, 2, 3, 4, 1)

    return call


def _follow(rank: int, *given: Any) -> None:
    once = _rank(rank, *given)
    while True:  # until the first process ends this one
        dist.broadcast(torch.ones(1), 0)
        once()


def _rank(rank: int, work: Work, ranks: int, port: int, public: Path, plugged: bool) -> Any:
    """Computes one process's frames and gives all of them to the first."""
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // ranks))
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=ranks)
    unet = network_theirs.model(work)
    if plugged:
        _mount(unet, rank, ranks, public)
    own = work.frames // ranks
    frames = work.latents()[:, rank * own : (rank + 1) * own].transpose(0, 4, 1, 2, 3)
    latents = torch.from_numpy(np.ascontiguousarray(frames))
    time, text = torch.tensor(TIME), torch.from_numpy(work.text())

    def once() -> list[torch.Tensor]:
        with torch.no_grad():
            found = unet(latents, time, text).sample.contiguous()
        room = [torch.zeros_like(found) for _ in range(ranks)] if rank == 0 else None
        dist.gather(found, room, dst=0)
        return room or []

    return once


def _mount(unet: Any, rank: int, ranks: int, public: Path) -> None:
    sys.path.append(str(public))
    torch.cuda.synchronize = lambda *device: None
    plugins = importlib.import_module("src.video_infinity.plugins")
    groups = [dist.new_group([n, n + 1]) for n in range(ranks - 1)]
    controller = SimpleNamespace(rank=rank, world_size=ranks, adj_groups=groups)
    settings = {"attn": ATTENTION, "conv_layer": {}}
    state = {"dist_controller": controller, "plugin_configs": settings}
    shared = SimpleNamespace(get=state.get, set=state.__setitem__)
    joining = [
        module
        for name, module in unet.named_modules()
        if "temp_" in name or "transformer_in" in name
    ]
    for kind, (name, plugin) in MOUNTED.items():
        chosen = [module for module in joining if type(module).__name__ == kind]
        for n, module in enumerate(chosen):
            getattr(plugins, plugin)(module, (name, n), shared)
    plugins.UNetPlugin(unet, ("unet", 0), shared)
