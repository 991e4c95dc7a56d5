"""The training step that `pvdm_networks` times, on a small autoencoder."""

import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks import pvdm_ours
from benchmarks.pvdm_work import Work
from vinf_jax.checkpoint.mapping import convert
from vinf_jax.nn.parameters import merge
from vinf_jax.nn.pixels import to_unit


def test_a_step_begins_with_the_difference_of_pixels_and_lessens_it():
    sizes = {"size": 16, "width": 32, "layers": 1, "plane_layers": 1}
    work = Work("autoencoder_step", 1, {"autoencoder": sizes})
    graph, like = work.like("autoencoder")
    model = merge(graph, convert(work.rows("autoencoder"), work.tensors("autoencoder"), like))
    real = to_unit(jnp.asarray(work.video()))
    again = nnx.jit(lambda model, x: model.decode(model.encode(x)))(model, real)
    step = pvdm_ours.prepared(work)
    losses = [step() for _ in range(3)]
    expected = 4 * jnp.abs(again - real).mean()
    np.testing.assert_allclose(losses[0], expected, rtol=1e-5)
    assert losses[0] > losses[1] > losses[2]
