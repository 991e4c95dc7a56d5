"""PVDM's diffusion UNet as the public code names it (github.com/sihyun-yu/PVDM, UNetModel)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vinf_jax.checkpoint.mapping import Kind, Row, place
from vinf_jax.checkpoint.rows import MATRIX_1, SAME, array, conv2d, dense, norm
from vinf_jax.models.pvdm_unet import plan
from vinf_jax.nn.planes import Planes

from .sizes import Sizes

RESIDUAL = [
    *norm("norm1", "in_layers.0"),
    *conv2d("conv1", "in_layers.2"),
    *dense("time_emb_proj", "emb_layers.1"),
    *norm("norm2", "out_layers.0"),
    *conv2d("conv2", "out_layers.3"),
]
SHORTCUT = conv2d("conv_shortcut", "skip_connection")
PLACES = [row for name in ("frames", "rows", "columns", "planes") for row in array(name)]
BUFFERS = ["zeros"]
"""The empty condition, of as many tokens as the public code has: 2048."""
PLANES = (16, 32, 32)
HEADS = 8
"""Of the public code, which knows no others; no shape tells them."""


def per_head(heads: int, kind: Kind) -> Kind:
    """Queries, keys and values of a head stand beside each other, head after head: the old order
    of that code's family (QKVAttentionLegacy)."""

    def ours(x: np.ndarray) -> tuple[np.ndarray, ...]:
        cells = x.reshape(heads, 3, -1, *x.shape[1:])
        return tuple(kind.ours(cells[:, n].reshape(-1, *x.shape[1:]))[0] for n in range(3))

    def theirs(*parts: np.ndarray) -> np.ndarray:
        plain = [kind.theirs(part) for part in parts]
        cells = [x.reshape(heads, -1, *x.shape[1:]) for x in plain]
        return np.stack(cells, axis=1).reshape(-1, *plain[0].shape[1:])

    return Kind(ours, theirs)


def table(
    *,
    channels: Sequence[int] = (256, 512, 1024, 1024),
    layers: int = 2,
    attention: Sequence[bool] = (True, True, True, False),
    heads: int = HEADS,
    positions: bool = False,
) -> list[Row]:
    """The rows for `PVDMUNet` of these arguments. Where tokens lie has names of our own: the public
    code has no such arrays."""
    attends = _attention(heads)
    rows = [
        *dense("time_embedding.linear_1", "time_embed.0"),
        *dense("time_embedding.linear_2", "time_embed.2"),
        *conv2d("conv_in", "input_blocks.0.0"),
        *norm("norm_out", "out.0"),
        *conv2d("conv_out", "out.2"),
    ]
    down, up = plan(channels, layers, attention)
    last = channels[-1]
    middle = [(last, last, "same"), last, (last, last, "same")]
    places = [
        *((f"down_blocks.{n}", f"input_blocks.{n + 1}", block) for n, block in enumerate(down)),
        ("mid_block", "middle_block", middle),
        *((f"up_blocks.{n}", f"output_blocks.{n}", block) for n, block in enumerate(up)),
    ]
    for ours, theirs, block in places:
        for n, layer in enumerate(block):
            rows += place(_layer(layer, attends), f"{ours}.layers.{n}", f"{theirs}.{n}")
        across = "mid_attn" if ours == "mid_block" else theirs.replace("blocks", "attns")
        rows += place(attends, f"{ours}.across", across)
        if positions:
            rows += place(PLACES, f"{ours}.places", f"{across}.places")
    return rows


def arguments(sizes: Sizes) -> dict[str, Any]:
    """Those of `PVDMUNet` that stored shapes tell, or the public code's habits."""
    blocks = sizes.count("output_blocks.{}.0.in_layers.2.weight")
    widens = (n for n in range(blocks) if _residuals(sizes, f"output_blocks.{n}") > 1)
    size = next(widens, blocks - 1) + 1
    starts = [f"output_blocks.{n}" for n in range(0, blocks, size)][::-1]
    return {
        "latent_channels": sizes.axis("out.2.weight", 0),
        "channels": [sizes.axis(f"{start}.0.out_layers.3.weight", 0) for start in starts],
        "layers": size - 1,
        "attention": [f"{start}.1.qkv.weight" in sizes for start in starts],
        "heads": HEADS,
        "positions": "mid_attn.places.planes" in sizes,
    }


def buffers(arguments: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What is stored beside the parameters, by name, for a network of these arguments."""
    shape = (1, arguments["latent_channels"], Planes(*arguments["planes"]).tokens)
    return {"zeros": np.zeros(shape, np.float32)}


def _residuals(sizes: Sizes, block: str) -> int:
    return sum(f"{block}.{n}.in_layers.2.weight" in sizes for n in range(3))


def _attention(heads: int) -> list[Row]:
    """Of one plane or across planes; the projections are convolutions over a line of tokens."""
    weights, biases = (
        tuple(f"{name}.{leaf}" for name in ("to_q", "to_k", "to_v")) for leaf in ("kernel", "bias")
    )
    return [
        *norm("norm"),
        Row("qkv.weight", weights, per_head(heads, MATRIX_1)),
        Row("qkv.bias", biases, per_head(heads, SAME)),
        *dense("to_out", "proj_out", kind=MATRIX_1),
    ]


def _layer(layer: tuple[int, int, str] | int, attends: list[Row]) -> list[Row]:
    if isinstance(layer, int):
        return attends
    return RESIDUAL + (SHORTCUT if layer[0] != layer[1] else [])
