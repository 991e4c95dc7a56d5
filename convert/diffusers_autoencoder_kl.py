"""The KL autoencoder as diffusers names it, also as its versions before about 0.17 did.

Older files call the projections of the attention query, key, value and proj_attn; some, brought
over from latent-diffusion, keep them as convolutions of one pixel.
"""

from collections.abc import Sequence
from typing import Any

from vinf_jax.checkpoint.mapping import Row, place
from vinf_jax.checkpoint.rows import MATRIX, MATRIX_1X1, conv2d, dense, norm

from .sizes import Sizes

RESIDUAL = [*norm("norm1"), *conv2d("conv1"), *norm("norm2"), *conv2d("conv2")]
SHORTCUT = conv2d("conv_shortcut")
PROJECTIONS = ("to_q", "to_k", "to_v", "to_out")
NAMES = ("to_q", "to_k", "to_v", "to_out.0")
OLD_NAMES = ("query", "key", "value", "proj_attn")
ENDS = [
    *conv2d("conv_in"),
    *place(RESIDUAL, "mid_block.resnets.0"),
    *place(RESIDUAL, "mid_block.resnets.1"),
    *norm("conv_norm_out"),
    *conv2d("conv_out"),
]


def table(
    *,
    channels: Sequence[int] = (128, 256, 512, 512),
    layers: int = 2,
    old_names: bool = False,
    convolved: bool = False,
) -> list[Row]:
    """The rows for `AutoencoderKL` of these arguments.

    old_names: the attention's projections are called as before 0.17. convolved: they are stored as
    convolutions of one pixel.
    """
    attention = norm("group_norm")
    kind = MATRIX_1X1 if convolved else MATRIX
    for ours, theirs in zip(PROJECTIONS, OLD_NAMES if old_names else NAMES, strict=True):
        attention += dense(ours, theirs, kind=kind)
    ends = [*ENDS, *place(attention, "mid_block.attentions.0")]
    down = _levels("down_blocks", "downsamplers.0.conv", channels, layers)
    up = _levels("up_blocks", "upsamplers.0.conv", channels[::-1], layers + 1)
    return [
        *place(ends + down, "encoder"),
        *conv2d("quant_conv"),
        *conv2d("post_quant_conv"),
        *place(ends + up, "decoder"),
    ]


def arguments(
    sizes: Sizes, blocks: str = "encoder.down_blocks.{}.resnets.{}.conv1.weight"
) -> dict[str, Any]:
    """Those of `AutoencoderKL` that stored shapes tell: all but the groups of its norms.

    blocks: the first convolution of a level's n-th residual block on the way down, as it is called.
    """
    first, in_first_level = blocks.format("{}", 0), blocks.format(0, "{}")
    return {
        "in_channels": sizes.axis("encoder.conv_in.weight", 1),
        "latent_channels": sizes.axis("post_quant_conv.weight", 0),
        "channels": [sizes.axis(first.format(n), 0) for n in range(sizes.count(first))],
        "layers": sizes.count(in_first_level),
    }


def spelling(sizes: Sizes) -> dict[str, bool]:
    """Which of the stored forms this is: the rest of the arguments of `table`."""
    query = "encoder.mid_block.attentions.0.{}.weight"
    old = query.format("query") in sizes
    name = query.format("query" if old else "to_q")
    return {"old_names": old, "convolved": name in sizes and len(sizes.shapes[name]) == 4}


def _levels(blocks: str, resize: str, channels: Sequence[int], layers: int) -> list[Row]:
    rows = []
    for level, width in enumerate(channels):
        for n in range(layers):
            changes = n == 0 and width != channels[max(level - 1, 0)]
            block = RESIDUAL + (SHORTCUT if changes else [])
            rows += place(block, f"{blocks}.{level}.resnets.{n}")
        if level < len(channels) - 1:
            rows += conv2d(f"{blocks}.{level}.{resize}")
    return rows
