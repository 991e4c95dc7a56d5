"""What the discriminators are at full size, and how they start."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tests.nn.filled import filled
from tests.tolerances import BLOCK
from vinf_jax.models.patch_discriminator import PatchDiscriminator, Stage
from vinf_jax.nn.parameters import abstract, flat, merge, split


@pytest.mark.parametrize(
    ("axes", "shape", "parameters", "maps"),
    [
        (2, (2, 256, 256, 3), 2_766_529, [129, 65, 33, 34, 35]),
        (3, (1, 16, 256, 256, 3), 11_057_857, [129, 65, 33, 34, 35]),
    ],
)
def test_full_size(axes, shape, parameters, maps):
    model = abstract(lambda rngs: PatchDiscriminator(axes=axes, rngs=rngs))
    assert sum(x.size for x in flat(model).values()) == parameters
    graph, weights = split(model)
    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    seen = jax.eval_shape(lambda weights, x: merge(graph, weights)(x), weights, x)
    assert [x.shape[-2] for x in seen] == maps
    assert [x.shape[-1] for x in seen] == [64, 128, 256, 512, 1]
    if axes == 3:
        assert [x.shape[1] for x in seen] == [9, 5, 3, 4, 5]


def test_it_starts_as_the_public_code_does():
    """Kernels and scales of deviation 0.02, biases within the reach of PyTorch's."""
    third = Stage(64, 128, 2, 2, rngs=nnx.Rngs(0))
    assert abs(np.std(third.conv.kernel) / 0.02 - 1) < 0.02
    assert 0.9 < np.abs(third.conv.bias).max() * np.sqrt(64 * 16) <= 1
    assert abs(np.mean(third.norm.scale) - 1) < 0.01 and 0.01 < np.std(third.norm.scale) < 0.03
    assert not np.any(third.norm.bias)


def test_statistics_are_those_of_all_that_is_judged_together():
    """As SyncBatchNorm's: on devices of a mesh as on one."""
    graph, weights = split(
        filled(lambda rngs: PatchDiscriminator(axes=2, width=2, rngs=rngs), dtype=np.float32)
    )
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 12, 12, 3)), jnp.float32)
    mesh = jax.make_mesh((4,), ("batch",))
    rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    judge = jax.jit(lambda weights, x: merge(graph, weights)(x)[-1])
    apart = judge(weights, jax.device_put(x, rows)) - judge(weights, x)
    assert np.abs(apart).max() < BLOCK


def test_the_wrong_axes_are_refused():
    model = abstract(lambda rngs: PatchDiscriminator(axes=3, width=2, rngs=rngs))
    with pytest.raises(ValueError, match=r"\(B, F, H, W, C\) is needed"):
        model(jnp.zeros((1, 8, 8, 3)))
    with pytest.raises(ValueError, match="axes is 4"):
        abstract(lambda rngs: PatchDiscriminator(axes=4, rngs=rngs))
