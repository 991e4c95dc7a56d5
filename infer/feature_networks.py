"""What distances and scores look through: I3D, C3D, or the shipped random features."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vinf_jax.metrics import random_features
from vinf_jax.metrics.frechet import Protocol
from vinf_jax.models import i3d
from vinf_jax.models.c3d import C3D
from vinf_jax.nn import stored
from vinf_jax.nn.parameters import merge, split

RANDOM = "random"
I3D_WANTED = (
    "features: FVD looks through I3D, whose weights are not shipped. Fetch i3d_pretrained_400.pt "
    "(the plain state dict that the evaluation of VideoGPT and of PVDM downloads), then: python -m "
    "convert import i3d_pretrained_400.pt weights/i3d, and here --features weights/i3d. Or take "
    "--features random: a distance of shipped random features, which is not FVD and compares with "
    "nothing published"
)
C3D_WANTED = (
    "classifier: the inception score looks through C3D, whose weights are not shipped. Fetch "
    "conv3d_deepnetA_ucf.npz and mean2.npz (TGANv2, github.com/pfnet-research/tgan2) into a folder "
    "of their own, then: python -m convert import FOLDER weights/c3d, and here --classifier "
    "weights/c3d"
)


class Looking(NamedTuple):
    """A network at work. name: of its figure. through, resize: what it is and how frames come to
    its size, in words. fewest: frames that it takes. of: uint8 (B, F, H, W, 3) -> (B, D)."""

    name: str
    through: str
    resize: str
    fewest: int
    of: Callable[[np.ndarray], np.ndarray]


def distance_features(features: str | None, protocol: Protocol) -> Looking:
    """For Frechet distances: the folder of I3D's checkpoint, or "random".

    Raises:
        ValueError: neither; with what to fetch.
    """
    if features is None:
        raise ValueError(I3D_WANTED)
    if features == RANDOM:
        name = f"Frechet distance of {random_features.NAME} (not FVD)"
        side = f"whole frame to {random_features.SIDE}x{random_features.SIDE}, bilinear"
        run = jax.jit(random_features.features)
        fewest = random_features.FEWEST
        return Looking(name, random_features.NAME, side, fewest, lambda x: np.asarray(run(x)))
    network = _loaded(features, "i3d", i3d.I3D, I3D_WANTED)
    run = _compiled(network, protocol.seen)
    return Looking("FVD", "I3D, logits", protocol.resize, i3d.FEWEST, run)


def classifier(folder: str | None) -> Looking:
    """For inception scores: C3D's logits of clips of just as many frames.

    Raises:
        ValueError: no folder or none of C3D; with what to fetch.
    """
    if folder is None:
        raise ValueError(C3D_WANTED)
    network = _loaded(folder, "c3d", C3D, C3D_WANTED)
    side = f"whole frame to {network.size}x{network.size}, bilinear, corners aligned"
    run = _compiled(network, lambda clips: jnp.asarray(clips, jnp.float32) / 127.5 - 1)
    return Looking("IS", "C3D, probabilities", side, network.frames, run)


def _loaded(folder: str, kind: str, build: Any, wanted: str) -> Any:
    if not Path(folder).is_dir():
        raise ValueError(f"there is no folder {folder}. {wanted}")
    return stored.load(folder, kind, build)


def _compiled(network: Any, seen: Callable[[Any], jax.Array]) -> Callable[[np.ndarray], np.ndarray]:
    graph, weights = split(network)
    run = jax.jit(lambda weights, clips: merge(graph, weights)(seen(clips)))
    return lambda clips: np.asarray(run(weights, clips))
