"""Models that resemble those which can be read: told by their tensors' names, refused by name."""

from collections.abc import Iterable
from typing import NamedTuple


class Stranger(NamedTuple):
    """A kind of model: parts of names that it has, and parts that the readable ones have."""

    what: str
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()


STRANGERS = [
    Stranger(
        "an image-to-video model (VideoCrafter1 I2V and its like), whose image adapter is missing "
        "here",
        ("image_proj_model.", "embedder.model.visual.", ".to_k_ip."),
    ),
    Stranger(
        "VideoCrafter1's text-to-video model, whose temporal attention knows relative positions",
        (".relative_position_k.",),
    ),
    Stranger(
        "VideoCrafter1's UNet, without temporal convolutions",
        ("init_attn.0.proj_in.weight",),
        ("temopral_conv",),
    ),
    Stranger("AnimateDiff's motion modules", ("motion_modules.",)),
    Stranger(
        "a UNet of pictures (Stable Diffusion), without layers over time",
        ("input_blocks.1.0.in_layers.0.weight",),
        ("init_attn", "input_attns."),
    ),
    Stranger(
        "a UNet of diffusers that is not UNet3DConditionModel",
        ("down_blocks.0.resnets.0.time_emb_proj.weight", "down_blocks.0.attentions.0.proj_in."),
        ("transformer_in.",),
    ),
]


def stranger(names: Iterable[str]) -> str | None:
    """What these tensors are, if it is a model that is known and cannot be read."""
    text = "\n".join(names)
    for kind in STRANGERS:
        has, lacks = (any(part in text for part in parts) for parts in (kind.has, kind.lacks))
        if has and not lacks:
            return kind.what
    return None
