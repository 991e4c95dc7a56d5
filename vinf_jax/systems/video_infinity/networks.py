"""The three networks of a model, as their constructors' arguments describe them."""

from collections.abc import Iterator, Mapping
from typing import Any

from flax import nnx

from vinf_jax.checkpoint.index import some
from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.models.text_encoder import TextEncoder
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.parameters import abstract, flat
from vinf_jax.systems.video_infinity.tokens import Tokenizer

NETWORKS = {"unet": UNet3D, "autoencoder": AutoencoderKL, "text_encoder": TextEncoder}

Arguments = Mapping[str, Mapping[str, Any]]
"""Those of each network's constructor, by its name in NETWORKS."""


def built(arguments: Arguments) -> dict[str, nnx.Module]:
    """The networks, with shapes and dtypes in place of parameters.

    Raises:
        ValueError: a network that does not exist, or arguments that build none.
    """
    if strange := [part for part in arguments if part not in NETWORKS]:
        raise ValueError(f"arguments: {some(strange)}; the networks are {', '.join(NETWORKS)}")
    return {part: _abstract(part, fields) for part, fields in arguments.items()}


def parameters(networks: Mapping[str, nnx.Module]) -> dict[str, Any]:
    """All their parameters by dotted name: `unet. ...`, `autoencoder. ...`, `text_encoder. ...`."""
    return {
        f"{part}.{name}": x
        for part, network in networks.items()
        for name, x in flat(network).items()
    }


def name_troubles(arrays: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Arguments that would build other networks than these make a folder that cannot load."""
    missing = [name for name in wanted if name not in arrays]
    strange = [name for name in arrays if name not in wanted]
    troubles = [f"{len(missing)} arrays are missing ({some(missing)})"] if missing else []
    if strange:
        lacking = f"the arguments build networks without {len(strange)} of the arrays"
        troubles.append(f"{lacking} ({some(strange)})")
    return troubles


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


class Fitting(Mapping[str, Any]):
    """Arrays whose shapes are compared with those of the networks when they are asked for."""

    def __init__(self, arrays: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        self._arrays, self._wanted = arrays, wanted

    def __getitem__(self, name: str) -> Any:
        x, shape = self._arrays[name], self._wanted[name].shape
        if x.shape != shape:
            raise ValueError(
                f"{name} has shape {x.shape}, but the arguments build a network with {shape}"
            )
        return x

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def _abstract(part: str, fields: Mapping[str, Any]) -> nnx.Module:
    return abstract(lambda rngs: NETWORKS[part](**fields, rngs=rngs))
