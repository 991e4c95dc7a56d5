"""A shape in the means of planes: told from them, and left alone by what is blended."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from train.footage import Pairs, opened
from train.plane_shapes import CODES, SHARP, blended, partners, untold
from vinf_jax.media.captions import SHAPES
from vinf_jax.nn.planes import Planes
from vinf_jax.programs import load_config

PLANES = Planes(4, 2, 3)


def latents(seed, count=200, channels=4):
    return jax.random.normal(jax.random.key(seed), (count, PLANES.tokens, channels))


def test_shapes_are_at_right_angles():
    assert len(CODES) == len(SHAPES)
    np.testing.assert_array_equal(CODES @ CODES.T, 4 * np.eye(len(SHAPES)))


@pytest.mark.parametrize("channels", [4, 8])
def test_means_on_their_codes_tell_the_shape(channels):
    """What of a plane is not in its mean says nothing; others' codes say something else."""
    shapes = jnp.arange(8) % 4
    x = latents(0, 8, channels)
    codes = jnp.tile(CODES, channels // 4)[shapes]
    far = 0.2
    x = x - PLANES.spread(PLANES.means(x)) + far * codes[:, None]
    wanted = np.log(1 + 3 * np.exp(-SHARP * far))
    np.testing.assert_allclose(untold(PLANES, x, shapes), wanted, rtol=1e-3)
    wrong = np.log(3 + np.exp(SHARP * far))
    np.testing.assert_allclose(untold(PLANES, x, (shapes + 1) % 4), wrong, rtol=1e-3)


def test_half_are_blended_and_all_keep_their_means():
    own, others = latents(1), latents(2)
    made = blended(PLANES, jax.random.key(0), own, others, 0.4)
    np.testing.assert_allclose(PLANES.means(made), PLANES.means(own), atol=1e-6)

    def rest(x):
        return np.asarray(x - PLANES.spread(PLANES.means(x)))

    way = rest(others) - rest(own)
    share = ((rest(made) - rest(own)) * way).sum((1, 2)) / (way**2).sum((1, 2))
    np.testing.assert_allclose(rest(made), rest(own) + share[:, None, None] * way, atol=1e-5)
    plain = np.abs(share) < 1e-5
    assert 70 < plain.sum() < 130 and 0.3 < share.max() <= 0.4
    np.testing.assert_allclose(share[~plain].mean(), 0.2, atol=0.04)


def test_partners_of_pairs():
    assert partners(jnp.arange(6.0)[:, None])[:, 0].tolist() == [1, 0, 3, 2, 5, 4]


def test_pairs_differ_in_shape_alone(tmp_path):
    config = load_config("configs/pvdm_sprites.py")
    config.update({"size": 16, "frames": 4})
    sides = [opened(config, tmp_path, "train", 4, reshaped=reshaped) for reshaped in (False, True)]
    feed = Pairs(sides, 8, 0, 0)
    far, names = feed(3), feed.told(3).split(", ")
    again = [feed(step) for step in (2, 3)][1]
    assert all(np.array_equal(far[name], again[name]) for name in far)
    assert far["clips"].shape == (8, 4, 16, 16, 3) and far["clips"].dtype == np.uint8
    index = [int(name.removeprefix("train sprite ")) for name in names]
    facts = [side.facts(n) for n in index for side in sides]
    assert far["shapes"].tolist() == [SHAPES.index(each.shape) for each in facts]
    pairs = list(zip(facts[::2], facts[1::2], strict=True))
    assert sum(one.shape != other.shape for one, other in pairs) >= 3
    assert all((one.colour, one.motion) == (other.colour, other.motion) for one, other in pairs)
    clips = far["clips"].reshape(4, 2, -1)
    shown = sides[0].clip(index[0], 0)
    assert np.array_equal(clips[0, 0], shown.ravel())
    feed.close()
