"""Text encoder and UNet, trained together."""

from collections.abc import Mapping
from typing import Any

from flax import nnx

from vinf_jax.models.text_encoder import TextEncoder
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.parameters import abstract, merge, split


def text_and_unet(config, vocabulary: int) -> tuple[tuple[Any, Any], dict[str, Any]]:
    """Graphs of the text encoder and the UNet, and their parameters under one roof."""
    rngs = nnx.Rngs(config.seed)
    text = TextEncoder(vocabulary=vocabulary, **config.text_encoder, rngs=rngs)
    unet = UNet3D(**config.unet, context_width=config.text_encoder.width, rngs=rngs)
    (text_graph, text_parameters), (unet_graph, unet_parameters) = split(text), split(unet)
    parameters = {f"text_encoder.{name}": x for name, x in text_parameters.items()}
    parameters |= {f"unet.{name}": x for name, x in unet_parameters.items()}
    return (text_graph, unet_graph), parameters


def text_and_unet_like(config) -> tuple[TextEncoder, UNet3D]:
    """The networks, with shapes in place of numbers."""
    width = config.text_encoder.width
    unet = abstract(lambda rngs: UNet3D(**config.unet, context_width=width, rngs=rngs))
    text = abstract(lambda rngs: TextEncoder(vocabulary=2, **config.text_encoder, rngs=rngs))
    return text, unet


class Still(nnx.Module):
    """Stands where a layer that joins frames stood, and changes nothing."""

    def __call__(self, x, context):
        return x


def still(unet: UNet3D) -> UNet3D:
    """The network without the layers that join frames, for single pictures: an untrained network
    gives the same without them, at less than half the work."""
    network: Any = unet
    for block in (*network.down_blocks, network.mid_block, *network.up_blocks):
        block.temp_convs = nnx.List(Still() for _ in block.temp_convs)
        block.temp_attentions = nnx.List(Still() for _ in block.temp_attentions)
    network.transformer_in = Still()
    return network


def merged(graphs: tuple[Any, Any], parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Text encoder and UNet with these parameters."""
    return merge(graphs[0], part(parameters, "text_encoder")), merge(
        graphs[1], part(parameters, "unet")
    )


def part(parameters: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The parameters whose names begin with `name` and a dot, without it."""
    return {
        key.removeprefix(f"{name}."): x
        for key, x in parameters.items()
        if key.startswith(f"{name}.")
    }
