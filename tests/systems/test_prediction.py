"""One denoiser call: the same on any mesh, by frame number, in any dtype, or refused."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.tiny import SMALLEST, tiny_network
from tests.tolerances import FP64
from vinf_jax.nn.parameters import flat
from vinf_jax.parallel.mesh import make_mesh
from vinf_jax.systems.video_infinity import base, predict, prediction, reference, video_infinity

FRAMES = 11
SCOPE = video_infinity(local=2, spread=4)
GAPS = np.array([0, 1, 2, 3, 7, 8, 9, 10, 30, 31, 32])
SHUFFLED = np.random.default_rng(5).permutation(FRAMES)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


LATENTS, SHARED = normal(1, 2, FRAMES, 4, 4, 4), normal(2, 2, 5, 16)
BY_FRAME = normal(3, 2, FRAMES, 5, 16)


small = cache(lambda dtype: tiny_network("unet", dtype=dtype, **SMALLEST))


def answer(latents=LATENTS, time=900, text=SHARED, **more):
    unet = small(jnp.float64)
    return np.asarray(predict(unet, latents, time, text, fps=8, scope=SCOPE, **more))


@pytest.mark.parametrize(("clips", "groups"), [(3, 2), (8, 1)])
def test_sharded_is_whole(x64, clips, groups):
    """Counts that the clips do not divide, clips of padding only, more clips than global frames."""
    sharded = answer(mesh=make_mesh(clips, groups))
    np.testing.assert_allclose(sharded, answer(), atol=FP64)


def test_numbers_decide_not_places(x64):
    """Gaps part neighbours, and frames may come in any order, on any mesh."""
    whole = answer(text=BY_FRAME, numbers=GAPS)
    mixed = answer(
        LATENTS[:, SHUFFLED], text=BY_FRAME[:, SHUFFLED], numbers=GAPS[SHUFFLED], mesh=make_mesh(4)
    )
    np.testing.assert_allclose(mixed, whole[:, SHUFFLED], atol=FP64)


def test_a_gap_changes_the_answer_and_a_shift_does_not(x64):
    plain = answer()
    np.testing.assert_allclose(answer(numbers=np.arange(FRAMES) - 40), plain, atol=FP64)
    far = answer(text=np.repeat(SHARED[:, None], FRAMES, 1), numbers=GAPS)
    assert np.abs(far - plain).max() > 1e-3


def test_new_values_compile_nothing(x64):
    answer()
    before = prediction._call._cache_size()
    first, second = answer(2 * LATENTS, 10, SHARED + 1), answer(2 * LATENTS, [10, 11], SHARED + 1)
    assert prediction._call._cache_size() == before
    np.testing.assert_array_equal(first[0], second[0])
    assert np.abs(first[1] - second[1]).max() > 1e-6


@pytest.mark.parametrize(
    ("dtype", "of_parameters"),
    [
        ("float16", "float32"),
        ("bfloat16", "bfloat16"),
        ("float32", "float16"),
        ("float64", "float32"),
    ],
)
def test_result_is_like_the_latents(x64, dtype, of_parameters):
    unet = small(of_parameters)

    def call(latents):
        return predict(unet, latents, 1, SHARED, fps=8, scope=SCOPE)

    like = jax.ShapeDtypeStruct(LATENTS.shape, dtype)
    out = jax.eval_shape(call, like)
    assert (out.shape, out.dtype) == (like.shape, like.dtype)


REFUSED = [
    ({"latents": LATENTS[0]}, ["latents: shape (11, 4, 4, 4)"]),
    ({"latents": LATENTS.astype(int)}, ["latents: dtype"]),
    ({"latents": LATENTS[..., :3]}, ["3 channels, but this UNet takes 4"]),
    ({"latents": LATENTS[:, :, :3]}, ["3x4", "multiples of 2"]),
    ({"latents": LATENTS[:, :0]}, ["at least one"]),
    ({"time": [1, 2, 3]}, ["time: shape (3,)", "(2,)"]),
    ({"fps": [[8.0]]}, ["fps: shape (1, 1)"]),
    ({"text": SHARED[:1]}, ["text: shape (1, 5, 16)", "(2, N, 16)"]),
    ({"text": SHARED[..., :8]}, ["text: shape (2, 5, 8)"]),
    ({"text": BY_FRAME[:, :5]}, ["text: shape (2, 5, 5, 16)", "(2, 11, N, 16)"]),
    ({"numbers": [0] * 10 + [1]}, ["numbers: 0 stand more than once"]),
    ({"numbers": range(10)}, ["numbers:", "shape (10,)", "(11,)"]),
    ({"numbers": np.arange(11.0)}, ["numbers: float64"]),
    ({"numbers": np.arange(11) + 2**30}, ["numbers: 1073741824 to"]),
    ({"latents": LATENTS[:, :3], "mesh": 4}, ["4 clips for 3 frames", "at most 3"]),
    ({"scope": reference(2)}, ["scope ranks: 2 do not divide 11 frames", "10 or 12"]),
    (
        {"time": [1, 2, 3], "latents": LATENTS[:, :, :3], "numbers": [0] * 11},
        ["multiples of 2", "time:", "numbers:"],
    ),
]


refusing = cache(lambda: tiny_network("unet"))


@pytest.mark.parametrize(("changes", "words"), REFUSED)
def test_refusals_say_everything(changes, words):
    given = {"latents": LATENTS, "time": 1, "text": SHARED, "fps": 8, "scope": base()} | changes
    if "mesh" in given:
        given["mesh"] = make_mesh(given["mesh"])
    if "numbers" in given:
        given["numbers"] = np.asarray(given["numbers"])
    with pytest.raises(ValueError) as refusal:
        predict(refusing(), **given)
    assert all(word in str(refusal.value) for word in words), refusal.value


def test_tiny_networks_have_no_layer_at_rest():
    """What these tests stand on: nothing hides behind a zero."""
    assert all(np.asarray(x).all() for x in flat(refusing()).values())
