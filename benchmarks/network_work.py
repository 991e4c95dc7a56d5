"""What is computed when networks are compared: sizes, weights and inputs, all from formulas.

Both sides make the same numbers from the same names, so nothing is read from disk.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from convert import naming
from tests.parity import formula
from tests.parity.interoperability import FULL
from vinf_jax.checkpoint.mapping import source_shapes
from vinf_jax.nn.parameters import split
from vinf_jax.systems.video_infinity.networks import built

UNET = {**FULL["unet"], "fps_conditioned": True}
REDUCED = {**UNET, "channels": [64, 128, 256, 256], "head_size": 32, "context_width": 128}
"""57.4 M parameters, the size at which the project's goals for CPUs are set."""
TIME, RATE, WORDS = 501, 24, 77
"""Diffusion time, frames per second, tokens of a text."""


@dataclass(frozen=True)
class Work:
    """One call of a network. part: which. arguments: of its constructor. videos: of a call, with
    `frames` each of `height` x `width` latents; for the text encoder, texts. dtype: of weights and
    inputs."""

    part: str
    arguments: Mapping[str, Any]
    videos: int = 1
    frames: int = 1
    height: int = 40
    width: int = 64
    dtype: str = "float32"

    @cached_property
    def like(self) -> tuple[Any, dict[str, Any]]:
        """Graph, and shapes of parameters."""
        return split(built({self.part: self.arguments})[self.part])

    def rows(self) -> list[Any]:
        """The table between our names and diffusers' or transformers'."""
        return naming.naming_of(self.part, "diffusers").rows(self.arguments)

    def tensors(self) -> "Tensors":
        """The weights by their public names."""
        return Tensors(source_shapes(self.rows(), self.like[1]))

    def latents(self) -> np.ndarray:
        """Float32 (B, F, H, W, 4)."""
        shape = (self.videos, self.frames, self.height, self.width, 4)
        return formula.normal(1, *shape).astype(np.float32)

    def text(self) -> np.ndarray:
        """Float32 (B, N, D)."""
        shape = (self.videos, WORDS, self.arguments["context_width"])
        return formula.normal(2, *shape).astype(np.float32)

    def tokens(self) -> np.ndarray:
        """Int32 (B, N)."""
        shape = (self.videos, self.arguments["length"])
        return np.random.default_rng(3).integers(
            self.arguments["vocabulary"], size=shape, dtype="i4"
        )

    def sizes(self) -> dict[str, Any]:
        """What a record says of it."""
        shapes = {"latents": [self.height, self.width], "frames": self.frames}
        return {
            "parameters": sum(int(x.size) for x in self.like[1].values()),
            "batch": self.videos,
            **({} if self.part == "text_encoder" else shapes),
            "dtype": self.dtype,
        }


ROW = 2**20


class Tensors(Mapping[str, np.ndarray]):
    """Weights that are made when they are asked for, float32, and not kept: pieces of one row of
    normal numbers, in sizes that keep what passes through them. Drawing each anew would take
    minutes at full size."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._shapes = shapes
        self._row = np.tile(np.random.default_rng(0).standard_normal(ROW, np.float32), 2)

    def __getitem__(self, name: str) -> np.ndarray:
        shape = self._shapes[name]
        start = zlib.crc32(name.encode()) % ROW
        x = self._row[start : start + min(ROW, int(np.prod(shape)))]
        if len(shape) > 1:
            x = x / np.sqrt(np.float32(np.prod(shape[1:])))
        else:
            x = np.float32(0.1) * x + np.float32(name.endswith("weight"))
        return np.resize(x, shape)

    def __contains__(self, name: object) -> bool:
        return name in self._shapes

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


TASKS = {
    "reduced": Work("unet", REDUCED, frames=16, height=16, width=16),
    "full": Work("unet", UNET, frames=4),
    "decode": Work("autoencoder", FULL["autoencoder"]),
    "text": Work("text_encoder", FULL["text_encoder"]),
}
GUIDED = Work("unet", UNET, videos=2, frames=24, dtype="bfloat16")
"""A step of the published clip with guidance: what a GPU is measured with."""
DECODED = Work("autoencoder", FULL["autoencoder"], frames=8, dtype="bfloat16")
TINY = {
    "unet": {"channels": [32, 64], "layers": 1, "attention": [True, False], "head_size": 16}
    | {"context_width": 32, "norm_groups": 8},
    "autoencoder": {"channels": [16, 32], "layers": 1, "norm_groups": 8},
    "text_encoder": {"vocabulary": 64, "width": 64, "heads": 1, "layers": 1},
}


def tiny(work: Work) -> Work:
    """The same work in a size that is only there to be rehearsed."""
    sides = {"frames": min(work.frames, 2), "height": 8, "width": 8}
    return replace(work, arguments={**work.arguments, **TINY[work.part]}, **sides)
