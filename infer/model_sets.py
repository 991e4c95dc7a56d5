"""Clips straight from a PVDM model: sampled, or made of real ones by its autoencoder."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vinf_jax.checkpoint import store
from vinf_jax.nn.networks import built, filled
from vinf_jax.nn.parameters import merge, split
from vinf_jax.nn.pixels import to_bytes
from vinf_jax.systems.pvdm import PVDM, folder

from .clip_sets import ClipSet, Told
from .record import digest

AT_ONCE = 8
"""Videos that are sampled together."""
ENDLESS = 2**31


@dataclass(frozen=True)
class Samples:
    """Videos of a model, drawn from seeds that count up from `seed`, AT_ONCE from each."""

    folder: Path
    model: PVDM
    length: int
    every: int
    seed: int
    wishes: dict[str, int]
    passed: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return ENDLESS

    @property
    def size(self) -> int:
        return self.model.autoencoder.shape[1]

    @property
    def frames(self) -> int:
        return (self.length - 1) // self.every + 1

    def take(self, count: int, told: Told) -> Iterator[tuple[str, np.ndarray]]:
        """The first `count` (name, uint8 F H W 3)."""
        for first in range(0, count, AT_ONCE):
            seed = self.seed + first // AT_ONCE
            made = self.model.generate(frames=self.length, videos=AT_ONCE, seed=seed, **self.wishes)
            for n, video in enumerate(made[: count - first]):
                yield f"seed {seed}, video {n}", video[:: self.every]
            told(min(first + AT_ONCE, count))

    def record(self) -> dict[str, Any]:
        """What JSON should hold of it."""
        return {
            "folder": str(self.folder),
            "kind": "samples of a PVDM model",
            "sha256": digest(self.folder),
            "settings": self.model.settings.to_dict() | self.wishes,
            "seed": self.seed,
            "videos_of_a_seed": AT_ONCE,
        }


@dataclass(frozen=True)
class Reconstructions:
    """What an autoencoder makes of real clips, which it takes as they come."""

    folder: Path
    autoencoder: Any
    real: ClipSet

    def __len__(self) -> int:
        return len(self.real)

    @property
    def names(self) -> tuple[str, ...]:
        return self.real.names

    @property
    def size(self) -> int:
        return self.real.size

    @property
    def frames(self) -> int:
        return self.real.frames

    @property
    def every(self) -> int:
        return self.real.every

    @property
    def passed(self) -> dict[str, str]:
        return self.real.passed

    def take(self, count: int, told: Told) -> Iterator[tuple[str, np.ndarray]]:
        """Those of the first `count` real clips; each piece as long as the autoencoder's clips."""
        graph, weights = split(self.autoencoder)
        length = self.autoencoder.shape[0]

        @jax.jit
        def again(weights: Any, pixels: Any) -> Any:
            network = merge(graph, weights)
            return to_bytes(network.decode(network.encode(pixels)))

        for name, frames in self.real.take(count, told):
            pieces = frames.reshape(-1, length, *frames.shape[1:])
            made = [again(weights, piece[None].astype(np.float32) / 127.5 - 1) for piece in pieces]
            yield name, np.concatenate([np.asarray(piece)[0] for piece in made])

    def record(self) -> dict[str, Any]:
        """What JSON should hold of it."""
        kind = "reconstructions by a PVDM autoencoder"
        return {"folder": str(self.folder), "kind": kind, "sha256": digest(self.folder)}


def samples(
    path: Path, *, frames: int, every: int, size: int, seed: int, wishes: dict[str, int]
) -> Samples:
    """Opens a model folder to sample from.

    Raises:
        ValueError: no such model, or one of another size.
    """
    model = PVDM.load(path)
    _check(path, model.autoencoder.shape, size)
    return Samples(path, model, (frames - 1) * every + 1, every, seed, wishes)


def reconstructions(path: Path, real: ClipSet) -> Reconstructions:
    """Opens a model folder, in which only the autoencoder is wanted, to make real clips again.

    Raises:
        ValueError: no such model, one without an autoencoder, of another size, or whose clips do
            not make up the real ones.
    """
    arguments = folder.describe(path)["arguments"]
    if "autoencoder" not in arguments:
        raise ValueError(f"{path} holds {' and '.join(arguments)}, but no autoencoder")
    network = built(folder.NETWORKS, {"autoencoder": arguments["autoencoder"]})
    arrays = store.arrays(path)
    autoencoder = filled(network, arrays)["autoencoder"]
    _check(path, autoencoder.shape, real.size)
    if real.frames % autoencoder.shape[0]:
        raise ValueError(
            f"frames: {real.frames}, but the clips of {path} have {autoencoder.shape[0]}; give a "
            "multiple of that"
        )
    return Reconstructions(path, autoencoder, real)


def _check(path: Path, shape: tuple[int, ...], size: int) -> None:
    if shape[1:3] != (size, size):
        raise ValueError(f"size: {size}, but {path} makes {shape[1]}x{shape[2]}")
