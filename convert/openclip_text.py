"""The text tower as OpenCLIP names it, also inside VideoCrafter's checkpoints."""

from vinf_jax.checkpoint.mapping import Row, place
from vinf_jax.checkpoint.rows import MATRIX, SAME, array, dense, norm, stacked

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
