"""The text tower as transformers names it (CLIPTextModel), without the prefix `text_model` that
files of its versions before 5 have."""

from typing import Any

from vinf_jax.checkpoint.mapping import Row, place
from vinf_jax.checkpoint.rows import array, dense, norm

from .sizes import Sizes

LAYER = [
    *norm("ln_1", "layer_norm1"),
    *dense("attention.q_proj", "self_attn.q_proj"),
    *dense("attention.k_proj", "self_attn.k_proj"),
    *dense("attention.v_proj", "self_attn.v_proj"),
    *dense("attention.out_proj", "self_attn.out_proj"),
    *norm("ln_2", "layer_norm2"),
    *dense("mlp.fc1"),
    *dense("mlp.fc2"),
]
IGNORED = ["*embeddings.position_ids", "text_projection.weight"]
"""What some files hold beyond the table."""


def table(*, layers: int = 23) -> list[Row]:
    """The rows for `TextEncoder` of this depth."""
    rows = [
        *array("token_embedding.embedding", "embeddings.token_embedding.weight"),
        *array("positional_embedding", "embeddings.position_embedding.weight"),
        *norm("ln_final", "final_layer_norm"),
    ]
    for n in range(layers):
        rows += place(LAYER, f"layers.{n}", f"encoder.layers.{n}")
    return rows


def arguments(sizes: Sizes) -> dict[str, Any]:
    """Those of `TextEncoder` that stored shapes tell: all but the number of heads."""
    width = sizes.axis("embeddings.token_embedding.weight", 1)
    return {
        "vocabulary": sizes.axis("embeddings.token_embedding.weight", 0),
        "length": sizes.axis("embeddings.position_embedding.weight", 0),
        "width": width,
        "layers": sizes.count("encoder.layers.{}.layer_norm1.weight"),
        "mlp_ratio": sizes.axis("encoder.layers.0.mlp.fc1.weight", 0) // width,
    }
