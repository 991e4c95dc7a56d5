"""The three networks of a model, as their constructors' arguments describe them."""

from collections.abc import Mapping

from flax import nnx

from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.models.text_encoder import TextEncoder
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn import networks
from vinf_jax.nn.networks import Arguments
from vinf_jax.systems.video_infinity.tokens import Tokenizer

NETWORKS = {"unet": UNet3D, "autoencoder": AutoencoderKL, "text_encoder": TextEncoder}


def built(arguments: Arguments) -> dict[str, nnx.Module]:
    """The networks, abstract; see `nn.networks.built`."""
    return networks.built(NETWORKS, arguments)


def enlargement(autoencoder: AutoencoderKL) -> int:
    """Pixels per latent, on each side."""
    return 2 ** (len(autoencoder.decoder.up_blocks) - 1)


def side(unet: UNet3D, autoencoder: AutoencoderKL) -> int:
    """Pixels that both sides of a frame must be multiples of."""
    return unet.stride * enlargement(autoencoder)


def tokenizer_troubles(networks: Mapping[str, nnx.Module], tokenizer: Tokenizer) -> list[str]:
    """Why the text encoder, if there is one, cannot take what the tokenizer makes."""
    encoder = networks.get("text_encoder")
    if not isinstance(encoder, TextEncoder):
        return []
    return [
        f"tokenizer: its {what} is {makes}, but the text encoder takes at most {takes}"
        for what, makes, takes in [
            ("vocabulary", tokenizer.vocabulary, encoder.vocabulary),
            ("length", tokenizer.length, encoder.length),
        ]
        if makes > takes
    ]
