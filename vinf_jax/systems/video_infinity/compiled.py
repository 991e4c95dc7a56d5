"""What is kept between videos: parameters on their devices, and compiled functions."""

from collections.abc import Callable, Hashable
from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import Mesh

from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.models.text_encoder import TextEncoder
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.parameters import merge, split
from vinf_jax.parallel.gpu import unrounded
from vinf_jax.parallel.mesh import EVERYWHERE, place
from vinf_jax.systems.video_infinity.decoding import latents, picture
from vinf_jax.systems.video_infinity.networks import enlargement


class Compiled:
    """Three networks, ready to run on any mesh.

    enlargement: pixels per latent, on each side. channels: of the latents.
    """

    def __init__(
        self, unet: UNet3D, autoencoder: AutoencoderKL, text_encoder: TextEncoder, scale: float
    ) -> None:
        self.unet, self.autoencoder = split(unet), split(autoencoder)
        self.scale = scale
        self.enlargement = enlargement(autoencoder)
        self.channels = unet.conv_in.kernel.shape[-2]
        graph, self._text = split(text_encoder)

        def encode(parameters: Any, tokens: Any) -> Any:
            with unrounded(parameters):
                return merge(graph, parameters)(tokens)

        self._encode = jax.jit(encode)
        self._latents = jax.jit(latents(self.autoencoder[0], scale))
        self._kept: dict[Hashable, Any] = {}
        self._laid: dict[str, tuple[Mesh, Any]] = {}

    def text(self, tokens: np.ndarray) -> np.ndarray:
        """Features (n, N, D) of tokens (n, N)."""
        return np.asarray(self._encode(self._text, tokens))

    def picture(self, latents: np.ndarray, tile: int = 0) -> np.ndarray:
        """Pixels uint8 (n, H, W, 3) of a few latents (n, h, w, C), on one device. tile: see
        `decoding.picture`."""
        graph, parameters = self.autoencoder
        decode = self.keep(("picture", tile), lambda: jax.jit(picture(graph, self.scale, tile)))
        return np.asarray(decode(parameters, latents))

    def latents(self, pixels: np.ndarray) -> np.ndarray:
        """Latents (n, h, w, C) of a few pictures uint8 (n, H, W, 3), on one device."""
        return np.asarray(self._latents(self.autoencoder[1], pixels))

    def laid(self, part: Literal["unet", "autoencoder"], mesh: Mesh) -> dict[str, Any]:
        """Parameters of a network, on every device of the mesh; of one mesh at a time."""
        if part not in self._laid or self._laid[part][0] != mesh:
            self._laid[part] = mesh, place(mesh, EVERYWHERE, getattr(self, part)[1])
        return self._laid[part][1]

    def keep(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` made when this key was first asked for."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]
