"""The public text towers at a small size, in float64, on formula weights. Needs torch.

    python -m tests.parity.public_text_encoder

writes what they put out to tests/data/text_encoder.npz, with open_clip_torch 3.3.0 and transformers
5.23.0 when it was recorded.
"""

import numpy as np

from tests.parity.formula import weight
from tests.paths import DATA

FILE = DATA / "text_encoder.npz"
SIZES = {"vocabulary": 40, "length": 9, "width": 32, "heads": 2, "layers": 3}
TOKENS = np.array(
    [
        [38, 5, 17, 39, 0, 0, 0, 0, 0],
        [38, 39, 0, 0, 0, 0, 0, 0, 0],
        [38, 7, 7, 30, 1, 12, 3, 22, 39],
    ]
)
"""A start, words, an end, padding with 0; no words; as many words as fit."""


def openclip() -> np.ndarray:
    """Penultimate states under the final norm, as VideoCrafter2 and Stable Diffusion 2 use them."""
    import torch
    from open_clip.transformer import TextTransformer

    text = TextTransformer(
        context_length=SIZES["length"],
        vocab_size=SIZES["vocabulary"],
        width=SIZES["width"],
        heads=SIZES["heads"],
        layers=SIZES["layers"] + 1,
        output_dim=SIZES["width"],
    )
    _fill(text)
    with torch.no_grad():
        x = text.token_embedding(torch.tensor(TOKENS)) + text.positional_embedding
        for block in text.transformer.resblocks[:-1]:
            x = block(x, attn_mask=text.attn_mask.double())
        return text.ln_final(x).numpy()


def transformers() -> np.ndarray:
    """`last_hidden_state` of CLIPTextModel, whose depth lacks the last layer already."""
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=SIZES["vocabulary"],
        max_position_embeddings=SIZES["length"],
        hidden_size=SIZES["width"],
        intermediate_size=4 * SIZES["width"],
        num_attention_heads=SIZES["heads"],
        num_hidden_layers=SIZES["layers"],
        hidden_act="gelu",
        bos_token_id=38,
        eos_token_id=39,
        attn_implementation="sdpa",  # the eager one computes its softmax in float32
    )
    model = CLIPTextModel(config).eval()
    _fill(model)
    with torch.no_grad():
        return model(torch.tensor(TOKENS)).last_hidden_state.numpy()


def _fill(module) -> None:
    """Every parameter by the formula of its name, without the prefix of older versions."""
    import torch

    module.double()
    for name, parameter in module.named_parameters():
        values = weight(name.removeprefix("text_model."), tuple(parameter.shape))
        parameter.data = torch.tensor(values)


PUBLIC = {"openclip": openclip, "transformers": transformers}

if __name__ == "__main__":
    np.savez_compressed(FILE, **{name: states() for name, states in PUBLIC.items()})
