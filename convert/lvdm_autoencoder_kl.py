"""The KL autoencoder as the latent-diffusion code names it, VideoCrafter's checkpoints included.

Its levels on the way up are numbered from the picture's side, and its attention is made of
convolutions of one pixel.
"""

from collections.abc import Sequence
from typing import Any

from vinf_jax.checkpoint.mapping import Row, place
from vinf_jax.checkpoint.rows import MATRIX_1X1, conv2d, dense, norm

from .diffusers_autoencoder_kl import RESIDUAL
from .diffusers_autoencoder_kl import arguments as arguments_of
from .sizes import Sizes

SHORTCUT = conv2d("conv_shortcut", "nin_shortcut")
ATTENTION = [
    *norm("group_norm", "norm"),
    *dense("to_q", "q", kind=MATRIX_1X1),
    *dense("to_k", "k", kind=MATRIX_1X1),
    *dense("to_v", "v", kind=MATRIX_1X1),
    *dense("to_out", "proj_out", kind=MATRIX_1X1),
]
LEFT_OUT = ["loss.*"]
"""The judge that a checkpoint of the autoencoder's own training holds."""
ENDS = [
    *conv2d("conv_in"),
    *place(RESIDUAL, "mid_block.resnets.0", "mid.block_1"),
    *place(ATTENTION, "mid_block.attentions.0", "mid.attn_1"),
    *place(RESIDUAL, "mid_block.resnets.1", "mid.block_2"),
    *norm("conv_norm_out", "norm_out"),
    *conv2d("conv_out"),
]


def table(*, channels: Sequence[int] = (128, 256, 512, 512), layers: int = 2) -> list[Row]:
    """The rows for `AutoencoderKL` of these arguments."""
    last = len(channels) - 1
    down, up = list(ENDS), list(ENDS)
    for level in range(len(channels)):
        ours, theirs = f"down_blocks.{level}", f"down.{level}"
        down += _level(ours, theirs, layers, _changes(channels, level))
        if level < last:
            down += conv2d(f"{ours}.downsamplers.0.conv", f"{theirs}.downsample.conv")
        ours, theirs = f"up_blocks.{level}", f"up.{last - level}"
        up += _level(ours, theirs, layers + 1, _changes(channels[::-1], level))
        if level < last:
            up += conv2d(f"{ours}.upsamplers.0.conv", f"{theirs}.upsample.conv")
    quants = conv2d("quant_conv") + conv2d("post_quant_conv")
    return [*place(down, "encoder"), *quants, *place(up, "decoder")]


def arguments(sizes: Sizes) -> dict[str, Any]:
    """As those of the layout of diffusers."""
    return arguments_of(sizes, "encoder.down.{}.block.{}.conv1.weight")


def _changes(channels: Sequence[int], level: int) -> bool:
    return channels[level] != channels[max(level - 1, 0)]


def _level(ours: str, theirs: str, layers: int, changes: bool) -> list[Row]:
    rows = place(SHORTCUT if changes else [], f"{ours}.resnets.0", f"{theirs}.block.0")
    for n in range(layers):
        rows += place(RESIDUAL, f"{ours}.resnets.{n}", f"{theirs}.block.{n}")
    return rows
