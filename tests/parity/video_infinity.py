"""The fixtures of Video-Infinity's public code, and its settings in our words."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.nn.reference import Phase, Reference

HERE = Path(__file__).parent.parent / "data" / "video_infinity"
MODES = {None: "none", "gn_conv3d": "norm_and_conv", "gn_convlayer": "norm"}


def outputs(name: str) -> dict[str, np.ndarray]:
    with np.load(HERE / f"{name}.npz") as arrays:
        return dict(arrays)


def settings(name: str) -> dict[str, Any]:
    return json.loads((HERE / f"{name}.json").read_text())


def scope_of(ranks: int, attn: dict, conv_layer: dict | None = None, mode: str | None = None):
    """The scope that means the public settings. `top_k_chunk_size` only saves memory."""
    fields = {name: value for name, value in attn.items() if name != "top_k_chunk_size"}
    for side in ("local_phase", "global_phase"):
        phase = fields.pop(side, None)
        fields[side] = phase and Phase(phase["t"], phase["local_biase"], phase["global_biase"])
    if conv_layer:
        fields["conv_padding"] = conv_layer["padding"]
    return Reference(ranks, **fields, synchronised=MODES[mode])
