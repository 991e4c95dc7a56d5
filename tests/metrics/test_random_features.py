"""Random features: fixed weights, and the order in which they see differences."""

import hashlib

import numpy as np
import pytest

from vinf_jax.media.captions import Facts
from vinf_jax.media.sprites import clip
from vinf_jax.metrics.frechet import STYLEGANV, Statistics, distance
from vinf_jax.metrics.moments import Moments
from vinf_jax.metrics.random_features import NAME, SIZE, features, kernels


def test_random_weights_are_the_named_ones():
    """Another network would have to have another name."""
    assert NAME.endswith("features 1")
    total = hashlib.sha256(b"".join(kernel.tobytes() for kernel in kernels()))
    assert total.hexdigest().startswith("1b6c0624a1f1b1fe")


@pytest.fixture(scope="module")
def moving():
    """8 clips of sprites that move, uint8 B F H W 3."""
    ways = ("moves left", "moves up")
    hues = ("red", "green", "blue", "yellow")
    facts = [
        Facts(colour=hue, shape="square", background="gray", pattern="plain", motion=way)
        for hue in hues
        for way in ways
    ]
    return np.stack([clip(f, seed=n, frames=4, height=32, width=32) for n, f in enumerate(facts)])


def apart(clips, *others):
    """Distances from the first set."""
    first, *rest = (
        Statistics(STYLEGANV, NAME, 4, "32x32", Moments.of(np.asarray(features(x))))
        for x in (clips, *others)
    )
    return [distance(first, other) for other in rest]


def test_random_features_see_noise_stillness_and_colour(moving):
    noise = np.random.default_rng(0).integers(0, 80, moving.shape)
    weak, strong = (np.clip(moving + s * noise, 0, 255).astype(np.uint8) for s in (0.2, 1))
    still = np.repeat(moving[:, :1], 4, axis=1)
    dark = moving // 2
    found = apart(moving, moving[::-1], weak, strong, still, dark)
    assert features(moving).shape == (8, SIZE)
    assert abs(found[0]) < 1e-6
    assert 1e-3 < found[1] < found[2]
    assert min(found[3:]) > 1e-3
