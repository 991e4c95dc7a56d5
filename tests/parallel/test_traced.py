"""FLOPs and bytes, counted by hand and by the counter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import PartitionSpec as P

from vinf_jax.nn.linear import convolve
from vinf_jax.parallel.mesh import CLIP, make_mesh, on_mesh
from vinf_jax.parallel.traced import Exchange, work


def counted(function, *shapes, dtype=jnp.float32):
    likes = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    return work(jax.jit(function).trace(*likes).jaxpr)


def test_products_and_convolutions():
    assert counted(lambda a, b: a @ b, (3, 5, 7), (7, 2)).flops == 2 * 3 * 5 * 7 * 2
    convolved = counted(lambda x, k: convolve(x, k, (1, 1)), (2, 8, 9, 3), (3, 3, 3, 4))
    assert convolved.flops == 2 * (2 * 8 * 9 * 4) * (3 * 3 * 3)
    assert counted(lambda x: jnp.tanh(x) * x, (9,)).flops == 0


def test_loops_count_as_often_as_they_run():
    def thrice(x):
        return lax.fori_loop(0, 3, lambda _, y: lax.map(lambda row: y @ row, y), x)

    assert counted(thrice, (4, 4)).flops == 3 * 4 * (2 * 4 * 4)


def test_the_costlier_branch_counts_and_endless_loops_are_told():
    def branches(x):
        return lax.cond(x[0, 0] > 0, lambda y: y @ y, lambda y: y, x)

    assert counted(branches, (4, 4)).flops == 2 * 4**3
    endless = counted(lambda x: lax.while_loop(lambda y: y[0, 0] > 0, lambda y: y @ y, x), (4, 4))
    assert (endless.flops, endless.endless) == (2 * 4**3, 1)


@pytest.mark.parametrize(
    "exchange, kind, received",
    [
        (lambda x: lax.ppermute(x, CLIP, [(0, 1), (1, 0)]), "permute", 24),
        (lambda x: lax.all_gather(x, CLIP, tiled=True), "gather", 24),
        (lambda x: lax.psum(x, CLIP), "reduce", 24),
        (lambda x: lax.psum_scatter(x, CLIP, tiled=True), "scatter", 12),
        (lambda x: lax.all_to_all(x, CLIP, 0, 0), "all-to-all", 12),
    ],
)
def test_bytes_that_one_of_two_devices_receives(exchange, kind, received):
    """Of 2 x 3 float32 on each, twice in a loop."""

    def both(x):
        return lax.map(lambda _: exchange(x).sum(), np.arange(2))

    program = jax.jit(on_mesh(lambda x: both(x)[None], make_mesh(2), P(CLIP), P(None, CLIP)))
    found = work(program.trace(jax.ShapeDtypeStruct((4, 3), jnp.float32)).jaxpr)
    assert found.exchanged == {kind: Exchange(2, 2 * received)}
    assert found.received == 2 * received


def test_one_device_exchanges_nothing():
    program = jax.jit(on_mesh(lambda x: lax.psum(x, CLIP), make_mesh(1), P(CLIP), P()))
    assert not work(program.trace(jax.ShapeDtypeStruct((4, 3), jnp.float32)).jaxpr).exchanged
