"""Frechet distance of two sets of videos (Unterthiner et al., arXiv 1812.01717).

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))

over mean and covariance of a network's features; of I3D's Kinetics logits it is called FVD. Two
implementations are published, and figures of one say nothing about figures of the other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array

from vinf_jax.metrics.moments import Moments
from vinf_jax.nn.resize import bilinear

SIDE = 224
"""Pixels of what I3D sees."""
TINY = 1e-10
"""Singular values below this are left as they are by VideoGPT's root."""


@dataclass(frozen=True)
class Protocol:
    """A published way to compute the distance.

    resized: frames (..., H, W, 3) in [0, 255] as the network sees them. resize, root: that and the
    root of matrices, in words. unbiased: covariance over N - 1. trace: of (S1 S2)^(1/2).
    """

    name: str
    resize: str
    unbiased: bool
    root: str
    resized: Callable[[Array], Array]
    trace: Callable[[np.ndarray, np.ndarray], float]

    @property
    def covariance(self) -> str:
        """In words."""
        return "unbiased, 1/(N-1)" if self.unbiased else "biased, 1/N"

    def seen(self, frames: Array | np.ndarray) -> Array:
        """What the network is given of uint8 frames: resized, in [-1, 1]."""
        return self.resized(jnp.asarray(frames, jnp.float32)) / 127.5 - 1


@dataclass(frozen=True)
class Statistics:
    """Moments of a set's features, and what they were taken of; sets of another making are not
    comparable."""

    protocol: Protocol
    features: str
    frames: int
    resolution: str
    moments: Moments

    @property
    def making(self) -> dict[str, object]:
        """Everything that must agree."""
        return {
            "protocol": self.protocol.name,
            "features": self.features,
            "frames": self.frames,
            "resolution": self.resolution,
        }


def gathered(batches: Iterable[np.ndarray]) -> Moments:
    """Moments of features that come in batches (N, D).

    Raises:
        ValueError: none come, or as `Moments.of`.
    """
    total: Moments | None = None
    for batch in batches:
        part = Moments.of(batch)
        total = part if total is None else total + part
    if total is None:
        raise ValueError("there are no features, for there is no clip")
    return total


def distance(real: Statistics, made: Statistics) -> float:
    """The Frechet distance, of the first set's protocol, in float64.

    Raises:
        ValueError: sets that differ in protocol, network, frames or resolution.
    """
    differing = [
        f"{name} is {value!r} and {made.making[name]!r}"
        for name, value in real.making.items()
        if value != made.making[name]
    ]
    if differing:
        raise ValueError("these sets are not comparable: " + "; ".join(differing))
    protocol = real.protocol
    one, other = (s.moments.covariance(unbiased=protocol.unbiased) for s in (real, made))
    apart = real.moments.mean - made.moments.mean
    spread = np.trace(one) + np.trace(other) - 2 * protocol.trace(one, other)
    return float(apart @ apart + spread)


def whole(frames: Array) -> Array:
    """All of a frame to 224x224, whatever its proportions."""
    return bilinear(frames, SIDE, SIDE)


def short_side(frames: Array) -> Array:
    """The shorter side to 224, the longer in proportion, rounded up; then the middle square."""
    rows, columns = frames.shape[-3:-1]
    least = min(rows, columns)
    rows, columns = (-(-side * SIDE // least) for side in (rows, columns))
    top, left = (rows - SIDE) // 2, (columns - SIDE) // 2
    return bilinear(frames, rows, columns)[..., top : top + SIDE, left : left + SIDE, :]


def eigenvalue_trace(one: np.ndarray, other: np.ndarray) -> float:
    """tr (S1 S2)^(1/2), as the roots of the eigenvalues of S1^(1/2) S2 S1^(1/2).

    They are those of S1 S2, so this is the real part of what scipy's sqrtm gives, and it stays
    exact where there are fewer clips than features, where sqrtm does not.
    """
    values, vectors = np.linalg.eigh(one)
    root = vectors * np.sqrt(np.maximum(values, 0))
    return float(np.sqrt(np.maximum(np.linalg.eigvalsh(root.T @ other @ root), 0)).sum())


def singular_trace(one: np.ndarray, other: np.ndarray) -> float:
    """tr (S1 S2)^(1/2) by singular values, those below 1e-10 not rooted (TensorFlow GAN's way)."""
    root = _singular_root(one)
    return float(np.trace(_singular_root(root @ other @ root)))


def _singular_root(matrix: np.ndarray) -> np.ndarray:
    left, values, right = np.linalg.svd(matrix)
    return (left * np.where(values < TINY, values, np.sqrt(values))) @ right


STYLEGANV = Protocol(
    "styleganv", "whole frame to 224x224, bilinear", False, "eigenvalues", whole, eigenvalue_trace
)
"""src/metrics/frechet_video_distance.py of github.com/universome/stylegan-v: what papers quote."""
VIDEOGPT = Protocol(
    "videogpt",
    "short side to 224, bilinear, middle square",
    True,
    "singular values",
    short_side,
    singular_trace,
)
"""evals/fvd/fvd.py of github.com/sihyun-yu/PVDM, after VideoGPT; here in float64."""
PROTOCOLS = {protocol.name: protocol for protocol in (STYLEGANV, VIDEOGPT)}
