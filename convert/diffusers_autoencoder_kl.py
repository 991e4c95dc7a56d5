"""The KL autoencoder as diffusers names it."""

from collections.abc import Sequence

from vinf_jax.checkpoint.mapping import Row, place
from vinf_jax.checkpoint.rows import conv2d, dense, norm

RESIDUAL = [*norm("norm1"), *conv2d("conv1"), *norm("norm2"), *conv2d("conv2")]
SHORTCUT = conv2d("conv_shortcut")
ATTENTION = [
    *norm("group_norm"),
    *dense("to_q"),
    *dense("to_k"),
    *dense("to_v"),
    *dense("to_out", "to_out.0"),
]
ENDS = [
    *conv2d("conv_in"),
    *place(RESIDUAL, "mid_block.resnets.0"),
    *place(ATTENTION, "mid_block.attentions.0"),
    *place(RESIDUAL, "mid_block.resnets.1"),
    *norm("conv_norm_out"),
    *conv2d("conv_out"),
]


def table(*, channels: Sequence[int] = (128, 256, 512, 512), layers: int = 2) -> list[Row]:
    """The rows for `AutoencoderKL` of these arguments."""
    down = _levels("down_blocks", "downsamplers.0.conv", channels, layers)
    up = _levels("up_blocks", "upsamplers.0.conv", channels[::-1], layers + 1)
    return [
        *place(ENDS + down, "encoder"),
        *conv2d("quant_conv"),
        *conv2d("post_quant_conv"),
        *place(ENDS + up, "decoder"),
    ]


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
