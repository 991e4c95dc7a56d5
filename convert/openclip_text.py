"""The text tower as OpenCLIP names it, also inside VideoCrafter's checkpoints."""

from typing import Any

from vinf_jax.checkpoint.mapping import Row, place
from vinf_jax.checkpoint.rows import MATRIX, SAME, array, dense, norm, stacked

from .sizes import Sizes

VIT_H = (1024, 24)
"""Width and layers of the tower that Stable Diffusion 2 and VideoCrafter2 cut short."""
LEFT_OUT = ["visual.*"]
"""CLIP's other tower, in files of the whole model."""
PROJECTIONS = ("q_proj", "k_proj", "v_proj")
ATTENTION = [
    *stacked([f"{name}.kernel" for name in PROJECTIONS], "in_proj_weight", MATRIX),
    *stacked([f"{name}.bias" for name in PROJECTIONS], "in_proj_bias", SAME),
    *dense("out_proj"),
]
LAYER = [
    *norm("ln_1"),
    *place(ATTENTION, "attention", "attn"),
    *norm("ln_2"),
    *dense("mlp.fc1", "mlp.c_fc"),
    *dense("mlp.fc2", "mlp.c_proj"),
]


def table(*, layers: int = 23) -> list[Row]:
    """The rows for `TextEncoder` of this depth."""
    rows = [
        *array("token_embedding.embedding", "token_embedding.weight"),
        *array("positional_embedding"),
        *norm("ln_final"),
    ]
    for n in range(layers):
        rows += place(LAYER, f"layers.{n}", f"transformer.resblocks.{n}")
    return rows


def ignored(*, layers: int = 23) -> list[str]:
    """What the files hold beyond that: the layer behind the penultimate output, the way to CLIP's
    shared space, and in some files the causal mask."""
    return [f"transformer.resblocks.{layers}.*", "text_projection", "logit_scale", "attn_mask"]


def arguments(sizes: Sizes) -> dict[str, Any]:
    """Those of `TextEncoder` that stored shapes tell: all but the number of heads.

    The last layer of a whole tower is not used. A tower is whole if the way to CLIP's shared space
    is still there, or if it has all 24 layers of ViT-H.
    """
    width = sizes.axis("token_embedding.weight", 1)
    stored = sizes.count("transformer.resblocks.{}.ln_1.weight")
    whole = "text_projection" in sizes or "logit_scale" in sizes or (width, stored) == VIT_H
    if whole and stored < 2:
        raise ValueError("the text tower has one layer only, and the last one is not used")
    return {
        "vocabulary": sizes.axis("token_embedding.weight", 0),
        "length": sizes.axis("positional_embedding", 0),
        "width": width,
        "layers": stored - whole,
        "mlp_ratio": sizes.axis("transformer.resblocks.0.mlp.c_fc.weight", 0) // width,
    }
