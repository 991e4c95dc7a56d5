"""What both sides of `pvdm_networks` are given: sizes, weights by a formula, inputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from convert import naming
from tests.parity import formula
from vinf_jax.checkpoint.mapping import source_shapes
from vinf_jax.nn.networks import built
from vinf_jax.nn.parameters import split
from vinf_jax.nn.planes import Planes
from vinf_jax.systems.pvdm.folder import NETWORKS

FRAMES, LATENT_CHANNELS, PATCH = 16, 4, 8
STEPS = 10
"""Of a sampled clip."""
RATE = 1e-4


@dataclass(frozen=True)
class Work:
    """name: of one of `TASKS`. batch: clips of a call. arguments: of each network's constructor."""

    name: str
    batch: int
    arguments: Mapping[str, Mapping[str, Any]]

    def rows(self, part: str) -> list[Any]:
        """The table of a network's names."""
        return naming.naming_of(part, "pvdm").rows(self.arguments[part])

    def like(self, part: str) -> tuple[Any, dict[str, Any]]:
        """Graph, and shapes of parameters."""
        return split(built(NETWORKS, {part: self.arguments[part]})[part])

    def tensors(self, part: str) -> dict[str, np.ndarray]:
        """The weights by their public names, float32."""
        shapes = source_shapes(self.rows(part), self.like(part)[1])
        return {n: formula.weight(n, shape).astype(np.float32) for n, shape in shapes.items()}

    def video(self) -> np.ndarray:
        """Bytes (B, F, H, W, 3)."""
        side = self.arguments["autoencoder"]["size"]
        shape = (self.batch, FRAMES, side, side, 3)
        return np.random.default_rng(1).integers(256, size=shape, dtype=np.uint8)

    def latents(self) -> np.ndarray:
        """In (-1, 1), float32 (B, N, D)."""
        return np.tanh(self._normal(2))

    def condition(self) -> np.ndarray:
        """The latents of the clip before, float32 (B, N, D)."""
        return np.tanh(self._normal(3))

    def noise(self) -> np.ndarray:
        """Float32 (B, N, D)."""
        return self._normal(4)

    def times(self) -> np.ndarray:
        """Diffusion times (B,), from early to late."""
        return np.linspace(900, 100, self.batch).astype(np.int32)

    def _normal(self, seed: int) -> np.ndarray:
        side = self.arguments["autoencoder"]["size"] // PATCH
        shape = (self.batch, Planes(FRAMES, side, side).tokens, LATENT_CHANNELS)
        return formula.normal(seed, *shape).astype(np.float32)


TASKS = {
    "encode": "clips to latents",
    "decode": "latents to clips",
    "autoencoder_step": "a training step of the autoencoder: absolute difference of pixels, AdamW",
    "noise": "one call of the UNet",
    "unet_step": "a training step of the UNet: AdamW",
    "clip": f"a later clip of a video: {STEPS} steps of DDIM, then pixels",
}


def work(name: str, width: int, channels: int, batch: int) -> Work:
    """A task.

    width: of the autoencoder; 384 is the paper's. channels: the UNet's first; 256 is the paper's.
    The public UNet knows latents of 256 x 256 pixels alone; where the autoencoder works too, both
    networks are narrower, and where it works alone, clips have 64 x 64 pixels.
    """
    size = 64 if name in ("encode", "decode", "autoencoder_step") else 256
    if name == "clip":
        width, channels, batch = width // 4, channels // 2, 1
    levels = tuple(channels * n for n in (1, 2, 4, 4))
    networks = {"autoencoder": {"size": size, "width": width}, "unet": {"channels": levels}}
    return Work(name, batch, networks)
