"""The 3-D UNet as VideoCrafter's own code (lvdm) names it, e.g. in VideoCrafter2's model.ckpt.

The same network as in the diffusers form, block by block in one flat numbering; two matrices of the
first transformer are stored as convolutions of one frame. One name is misspelt in the files.
"""

from collections.abc import Sequence
from typing import Any

from vinf_jax.checkpoint.mapping import Row, place
from vinf_jax.checkpoint.rows import MATRIX_1, conv2d, dense, norm

from .diffusers_unet3d import BLOCK, FIRST_HEADS, TEMPORAL_CONV, TRANSFORMER, units
from .sizes import Sizes

RESIDUAL = [
    *norm("norm1", "in_layers.0"),
    *conv2d("conv1", "in_layers.2"),
    *dense("time_emb_proj", "emb_layers.1"),
    *norm("norm2", "out_layers.0"),
    *conv2d("conv2", "out_layers.3"),
]
SHORTCUT = conv2d("conv_shortcut", "skip_connection")
FIRST_TRANSFORMER = [
    *norm("norm"),
    *dense("proj_in", kind=MATRIX_1),
    *place(BLOCK, "transformer_blocks.0"),
    *dense("proj_out", kind=MATRIX_1),
]


def table(
    *,
    channels: Sequence[int] = (320, 640, 1280, 1280),
    layers: int = 2,
    attention: Sequence[bool] = (True, True, True, False),
    fps_conditioned: bool = True,
) -> list[Row]:
    """The rows for `UNet3D` of these arguments."""
    rows = [
        *conv2d("conv_in", "input_blocks.0.0"),
        *_embedding("time_embedding", "time_embed"),
        *(_embedding("fps_embedding", "fps_embedding") if fps_conditioned else []),
        *place(FIRST_TRANSFORMER, "transformer_in", "init_attn.0"),
        *_residual("mid_block", 0, "middle_block.0", shortcut=False),
        *place(TRANSFORMER, "mid_block.attentions.0", "middle_block.1"),
        *place(TRANSFORMER, "mid_block.temp_attentions.0", "middle_block.2"),
        *_residual("mid_block", 1, "middle_block.3", shortcut=False),
        *norm("conv_norm_out", "out.0"),
        *conv2d("conv_out", "out.2"),
    ]
    size = layers + 1
    for unit in units(channels, layers, attention):
        ours, number = f"{unit.block}.{unit.level}", unit.level * size + unit.n
        down = unit.block == "down_blocks"
        theirs = f"input_blocks.{number + 1}" if down else f"output_blocks.{number}"
        rows += _residual(ours, unit.n, f"{theirs}.0", shortcut=unit.shortcut)
        if unit.attention:
            rows += place(TRANSFORMER, f"{ours}.attentions.{unit.n}", f"{theirs}.1")
            rows += place(TRANSFORMER, f"{ours}.temp_attentions.{unit.n}", f"{theirs}.2")
    for level in range(len(channels) - 1):
        down, up = f"down_blocks.{level}.downsamplers", f"up_blocks.{level}.upsamplers"
        last = 3 if attention[::-1][level] else 1
        rows += conv2d(f"{down}.0.conv", f"input_blocks.{(level + 1) * size}.0.op")
        rows += conv2d(f"{up}.0.conv", f"output_blocks.{level * size + layers}.{last}.conv")
    return rows


def arguments(sizes: Sizes) -> dict[str, Any]:
    """Those of `UNet3D` that stored shapes tell: all but the groups of its norms."""
    layers = 0
    while f"input_blocks.{layers + 1}.0.in_layers.2.weight" in sizes:
        layers += 1
    blocks = "input_blocks.{}.0.out_layers.3.weight"
    starts = [1]
    while blocks.format(starts[-1] + layers + 1) in sizes and layers:
        starts.append(starts[-1] + layers + 1)
    return {
        "in_channels": sizes.axis("input_blocks.0.0.weight", 1),
        "out_channels": sizes.axis("out.2.weight", 0),
        "channels": [sizes.axis(blocks.format(start), 0) for start in starts],
        "layers": layers,
        "attention": [f"input_blocks.{start}.1.norm.weight" in sizes for start in starts],
        "head_size": sizes.axis("init_attn.0.proj_in.weight", 0) // FIRST_HEADS,
        "context_width": sizes.axis("middle_block.1.transformer_blocks.0.attn2.to_k.weight", 1),
        "fps_conditioned": "fps_embedding.0.weight" in sizes,
    }


def _embedding(ours: str, theirs: str) -> list[Row]:
    return dense(f"{ours}.linear_1", f"{theirs}.0") + dense(f"{ours}.linear_2", f"{theirs}.2")


def _residual(ours: str, n: int, theirs: str, *, shortcut: bool) -> list[Row]:
    rows = place(RESIDUAL + (SHORTCUT if shortcut else []), f"{ours}.resnets.{n}", theirs)
    return rows + place(TEMPORAL_CONV, f"{ours}.temp_convs.{n}", f"{theirs}.temopral_conv")
