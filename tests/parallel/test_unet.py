"""One call of the whole network: the answer does not depend on the mesh."""

from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest

from tests.tiny import ARGUMENTS, SMALLEST, tiny_network
from tests.tolerances import FP64
from vinf_jax.nn.freenoise import FreeNoise
from vinf_jax.nn.independent import Independent
from vinf_jax.parallel.mesh import make_mesh
from vinf_jax.systems.video_infinity import base, predict, reference, video_infinity

SCOPE = video_infinity(local=2, spread=3, strength=2.0)
CLIPS, APART = Independent(length=3), video_infinity(local=2, spread=4, cuts=(3,), across=-1e9)
BLENDED = {"strength": 0.0, "spectral": 0.3, "conv_across": True, "norm_clip": 2}


@cache
def network():
    return tiny_network("unet", dtype=jnp.float64, **SMALLEST)


def answer(frames, scope, clips=None, portion=None):
    return part(frames, scope, slice(None), clips, portion)


def part(frames, scope, held, clips=None, portion=None):
    """The answer for some frames of a video, which are held alone."""
    rng = np.random.default_rng(frames)
    return np.asarray(
        predict(
            network(),
            rng.standard_normal((2, frames, 2, 2, 4))[:, held],
            np.array([900, 300]),
            rng.standard_normal((2, frames, 3, ARGUMENTS["unet"]["context_width"]))[:, held],
            fps=8,
            scope=scope,
            mesh=clips and make_mesh(clips),
            portion=portion,
        )
    )


@pytest.mark.parametrize(
    "frames, clips, scope",
    [
        (7, 1, SCOPE),
        (5, 4, SCOPE),  # more clips than global frames, one of padding alone
        (5, 3, base()),
        (6, 4, reference(2, padding=2, conv_padding=1)),
        (6, 3, reference(2, padding=2, synchronised="norm_and_conv")),
        (6, 4, CLIPS),
        (6, 6, FreeNoise(window=4, stride=1)),
        (6, 4, APART),
        (6, 2, video_infinity(local=1, spread=4, cuts=(2,), **BLENDED)),
    ],
)
def test_sharded_equals_whole(x64, frames, clips, scope):
    whole = answer(frames, scope)
    assert whole.dtype == np.float64 and np.abs(whole).max() > 0.1
    assert np.abs(answer(frames, scope, clips) - whole).max() < FP64


@pytest.mark.parametrize(
    ("scope", "alone"), [(CLIPS, base()), (APART, video_infinity(local=2, spread=2))]
)
def test_clips_and_scenes_may_know_nothing_of_each_other(x64, scope, alone):
    """Independent clips are the base model's; so are scenes, if nothing passes across a cut."""
    halves = [part(6, alone, slice(start, start + 3)) for start in (0, 3)]
    assert np.abs(np.concatenate(halves, axis=1) - answer(6, scope)).max() < FP64


@pytest.mark.parametrize(
    "frames, clips, scope",
    [(7, 2, SCOPE), (5, None, base()), (6, 2, reference(2, padding=2, conv_padding=1))],
)
def test_portions_equal_the_whole(x64, frames, clips, scope):
    """Two frames, or a frame or two of all pixels, at a time; the last portion may be smaller."""
    assert np.abs(answer(frames, scope, clips, portion=8) - answer(frames, scope)).max() < FP64
