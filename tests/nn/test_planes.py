"""Planes: what is where, and that nothing is lost."""

import jax.numpy as jnp
import numpy as np
import pytest

from vinf_jax.nn.planes import Planes, flatten


@pytest.mark.parametrize(("frames", "rows", "columns"), [(2, 3, 4), (3, 2, 2), (1, 1, 1)])
def test_split_and_join(frames, rows, columns):
    planes = Planes(frames, rows, columns)
    latents = jnp.asarray(np.arange(2 * planes.tokens * 3).reshape(2, -1, 3))
    xy, yt, xt = planes.split(latents)
    assert xy.shape == (2, rows, columns, 3)
    assert yt.shape == (2, frames, columns, 3)
    assert xt.shape == (2, frames, rows, 3)
    np.testing.assert_array_equal(planes.join((xy, yt, xt)), latents)
    np.testing.assert_array_equal(flatten(planes.stack(latents)), latents)


def test_order():
    xy, yt, xt = Planes(2, 1, 3).split(jnp.arange(11).reshape(1, 11, 1))
    assert xy[0, :, :, 0].tolist() == [[0, 1, 2]]
    assert yt[0, :, :, 0].tolist() == [[3, 4, 5], [6, 7, 8]]
    assert xt[0, :, :, 0].tolist() == [[9], [10]]


def test_planes_of_one_size_lie_together():
    latents = jnp.zeros((1, Planes(2, 3, 3).tokens, 1))
    assert [x.shape[1:4] for x in Planes(2, 3, 3).stack(latents)] == [(1, 3, 3), (2, 2, 3)]
    latents = jnp.zeros((1, Planes(2, 3, 4).tokens, 1))
    assert [x.shape[1] for x in Planes(2, 3, 4).stack(latents)] == [1, 1, 1]


def test_a_mean_of_each_plane():
    planes = Planes(4, 2, 3)
    latents = np.random.default_rng(0).normal(size=(2, planes.tokens, 5)).astype(np.float32)
    means = planes.means(jnp.asarray(latents))
    spread = planes.split(planes.spread(means))
    for number, plane in enumerate(planes.split(jnp.asarray(latents))):
        mean = np.asarray(plane).mean((1, 2))
        np.testing.assert_allclose(means[:, number], mean, atol=1e-6)
        wanted = np.broadcast_to(mean[:, None, None], plane.shape)
        np.testing.assert_allclose(spread[number], wanted, atol=1e-6)


def test_what_is_impossible():
    with pytest.raises(ValueError, match="frames is 0, columns is -1; each must be 1 or more"):
        Planes(0, 1, -1)
    with pytest.raises(ValueError, match=r"5 tokens, but the planes have 11 \(xy 1x3, yt 2x3, xt"):
        Planes(2, 1, 3).split(jnp.zeros((1, 5, 1)))
