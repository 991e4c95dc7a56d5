"""The 3-D UNet as diffusers names it: zeroscope, ModelScope, Video-Infinity's VideoCrafter2."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from vinf_jax.checkpoint.mapping import Row, place
from vinf_jax.checkpoint.rows import conv2d, dense, frame_mix, norm

from .sizes import Sizes

FIRST_HEADS = 8
"""Heads of the first transformer at any width: its inner width says how large a head is."""

RESIDUAL = [
    *norm("norm1"),
    *conv2d("conv1"),
    *dense("time_emb_proj"),
    *norm("norm2"),
    *conv2d("conv2"),
]
SHORTCUT = conv2d("conv_shortcut")

TEMPORAL_CONV = [
    *norm("conv1.norm", "conv1.0"),
    *frame_mix("conv1.conv", "conv1.2"),
    *norm("conv2.norm", "conv2.0"),
    *frame_mix("conv2.conv", "conv2.3"),
    *norm("conv3.norm", "conv3.0"),
    *frame_mix("conv3.conv", "conv3.3"),
    *norm("conv4.norm", "conv4.0"),
    *frame_mix("conv4.conv", "conv4.3"),
]

ATTENTION = [
    *dense("to_q", bias=False),
    *dense("to_k", bias=False),
    *dense("to_v", bias=False),
    *dense("to_out", "to_out.0"),
]
BLOCK = [
    *norm("norm1"),
    *place(ATTENTION, "attn1"),
    *norm("norm2"),
    *place(ATTENTION, "attn2"),
    *norm("norm3"),
    *dense("ff.gate.proj", "ff.net.0.proj"),
    *dense("ff.out", "ff.net.2"),
]
TRANSFORMER = [
    *norm("norm"),
    *dense("proj_in"),
    *place(BLOCK, "transformer_blocks.0"),
    *dense("proj_out"),
]


class Unit(NamedTuple):
    """The n-th unit of a block: a residual block and what follows it at the same resolution."""

    block: str
    level: int
    n: int
    attention: bool
    shortcut: bool


def units(channels: Sequence[int], layers: int, attention: Sequence[bool]) -> Iterator[Unit]:
    """All units on the way down and up. Residual blocks have a shortcut where channels change:
    on the way up always, since a skip joins them."""
    for level, width in enumerate(channels):
        for n in range(layers):
            changes = n == 0 and width != channels[max(level - 1, 0)]
            yield Unit("down_blocks", level, n, attention[level], changes)
        for n in range(layers + 1):
            yield Unit("up_blocks", level, n, attention[::-1][level], True)


def table(
    *,
    channels: Sequence[int] = (320, 640, 1280, 1280),
    layers: int = 2,
    attention: Sequence[bool] = (True, True, True, False),
    fps_conditioned: bool = True,
) -> list[Row]:
    """The rows for `UNet3D` of these arguments."""
    rows = [
        *conv2d("conv_in"),
        *_embedding("time_embedding"),
        *(_embedding("fps_embedding") if fps_conditioned else []),
        *place(TRANSFORMER, "transformer_in"),
        *_unit("mid_block", 0, attention=True, shortcut=False),
        *_unit("mid_block", 1, attention=False, shortcut=False),
        *norm("conv_norm_out"),
        *conv2d("conv_out"),
    ]
    for unit in units(channels, layers, attention):
        block = f"{unit.block}.{unit.level}"
        rows += _unit(block, unit.n, attention=unit.attention, shortcut=unit.shortcut)
    for level in range(len(channels) - 1):
        rows += conv2d(f"down_blocks.{level}.downsamplers.0.conv")
        rows += conv2d(f"up_blocks.{level}.upsamplers.0.conv")
    return rows


def arguments(sizes: Sizes) -> dict[str, Any]:
    """Those of `UNet3D` that stored shapes tell: all but the groups of its norms."""
    first = "down_blocks.{}.resnets.0.conv1.weight"
    levels = range(sizes.count(first))
    text = "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    return {
        "in_channels": sizes.axis("conv_in.weight", 1),
        "out_channels": sizes.axis("conv_out.weight", 0),
        "channels": [sizes.axis(first.format(n), 0) for n in levels],
        "layers": sizes.count("down_blocks.0.resnets.{}.conv1.weight"),
        "attention": [f"down_blocks.{n}.attentions.0.norm.weight" in sizes for n in levels],
        "head_size": sizes.axis("transformer_in.proj_in.weight", 0) // FIRST_HEADS,
        "context_width": sizes.axis(text, 1),
        "fps_conditioned": "fps_embedding.linear_1.weight" in sizes,
    }


def _embedding(name: str) -> list[Row]:
    return dense(f"{name}.linear_1") + dense(f"{name}.linear_2")


def _unit(block: str, n: int, *, attention: bool, shortcut: bool) -> list[Row]:
    rows = place(RESIDUAL + (SHORTCUT if shortcut else []), f"{block}.resnets.{n}")
    rows += place(TEMPORAL_CONV, f"{block}.temp_convs.{n}")
    if attention:
        rows += place(TRANSFORMER, f"{block}.attentions.{n}")
        rows += place(TRANSFORMER, f"{block}.temp_attentions.{n}")
    return rows
