"""PVDM's autoencoder as the public code names it (github.com/sihyun-yu/PVDM, ViTAutoencoder)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vinf_jax.checkpoint.mapping import Row, place
from vinf_jax.checkpoint.rows import MATRIX, MATRIX_1X1, array, dense, norm, stacked, turned
from vinf_jax.nn.planes import NAMES
from vinf_jax.nn.rotary import frame_frequencies, patch_scales, places

from .sizes import Sizes

PIXELS = turned(0, 2, 3, 1)  # (I, O, H, W), a transposed convolution


def attention(target: str, source: str) -> list[Row]:
    """Queries, keys and values stored as one matrix."""
    parts = [f"{target}.{name}.kernel" for name in ("to_q", "to_k", "to_v")]
    joined = stacked(parts, f"{source}.to_qkv.weight", MATRIX)
    return joined + dense(f"{target}.to_out", f"{source}.to_out.0")


CLIP_LAYER = [
    *norm("norm1", "0.norm"),
    *attention("time", "0.fn"),
    *norm("norm2", "1.norm"),
    *attention("space", "1.fn"),
    *norm("norm3", "2.norm"),
    *dense("ff.gate.proj", "2.fn.net.0"),
    *dense("ff.out", "2.fn.net.3"),
]
PLANE_LAYER = [
    *norm("norm1", "0.norm"),
    *attention("attention", "0.fn"),
    *norm("norm2", "1.norm"),
    *dense("fc1", "1.fn.net.0"),
    *dense("fc2", "1.fn.net.3"),
]
BUFFERS = ["coords", "*.frame_rot_emb.inv_freqs", "*.image_rot_emb.scales"]
"""What the files hold and the network computes; all but the first decide what it puts out."""
HEADS, PLANE_HEADS = 8, 4
"""Of the public code, whatever the width; no shape tells the second."""


def table(*, layers: int = 8, plane_layers: int = 4) -> list[Row]:
    """The rows for `PVDMAutoencoder` of these arguments."""
    rows = dense("from_patches.dense", "encoder.to_patch_embedding")
    for part in ("encoder", "decoder"):
        for n in range(layers):
            rows += place(CLIP_LAYER, f"{part}.layers.{n}")
    for name in NAMES:
        rows += array(f"{name}.token", f"{name}_token")
        rows += array(f"{name}.positions", f"{name}_pos_embedding")
        for n in range(plane_layers):
            rows += place(PLANE_LAYER, f"{name}.layers.{n}", f"{name}_quant_attn.layers.{n}")
        rows += dense(f"{name}.to_latent", f"pre_{name}", kind=MATRIX_1X1)
        rows += dense(f"{name}.from_latent", f"post_{name}", kind=MATRIX_1X1)
    return rows + dense("to_pixels", "to_pixel.1", kind=PIXELS)


def arguments(sizes: Sizes) -> dict[str, Any]:
    """Those of `PVDMAutoencoder` that stored shapes tell, or the public code's habits."""
    patch = sizes.axis("to_pixel.1.weight", 2)
    width = sizes.axis("to_pixel.1.weight", 0)
    inner = sizes.axis("encoder.layers.0.0.fn.to_out.0.weight", 1)
    frequencies = "encoder.frame_rot_emb.inv_freqs"
    head_size = 2 * sizes.axis(frequencies, 0) if frequencies in sizes else inner // HEADS
    plane_inner = sizes.axis("xy_quant_attn.layers.0.0.fn.to_out.0.weight", 1)
    rows, columns = (sizes.axis(f"{name}_pos_embedding", 1) - 1 for name in ("yt", "xt"))
    return {
        "size": [rows * patch, columns * patch],
        "frames": sizes.axis("xy_pos_embedding", 1) - 1,
        "patch": patch,
        "width": width,
        "latent_channels": sizes.axis("pre_xy.weight", 0),
        "layers": sizes.count("encoder.layers.{}.0.norm.weight"),
        "heads": inner // head_size if head_size else 0,
        "head_size": head_size,
        "plane_layers": sizes.count("xy_quant_attn.layers.{}.0.norm.weight"),
        "plane_heads": PLANE_HEADS,
        "plane_head_size": plane_inner // PLANE_HEADS,
        "plane_inner": sizes.axis("xy_quant_attn.layers.0.1.fn.net.0.weight", 0),
    }


def buffers(arguments: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What is stored beside the parameters, by name, as the network of these arguments has it."""
    size = arguments["head_size"]
    turns = {
        "frame_rot_emb.inv_freqs": frame_frequencies(size),
        "image_rot_emb.scales": patch_scales(size),
    }
    both = {f"{part}.{name}": x for part in ("encoder", "decoder") for name, x in turns.items()}
    return {"coords": places(arguments["frames"])[:, None]} | both
