"""PVDM's networks at sizes that the public code does not have."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tests.compiled import compiled
from tests.nn.filled import filled
from vinf_jax.models.pvdm_autoencoder import PVDMAutoencoder
from vinf_jax.models.pvdm_unet import Places, PVDMUNet
from vinf_jax.nn.parameters import abstract, flat, merge, split
from vinf_jax.nn.planes import Planes

NARROW = {"width": 8, "layers": 1, "heads": 2, "head_size": 4, "plane_layers": 2, "plane_inner": 8}
AUTOENCODER = {"size": (8, 12), "frames": 3, "patch": 4, "plane_heads": 2, **NARROW}
UNET = {"channels": (4, 8), "layers": 1, "attention": (True, False), "heads": 2, "norm_groups": 2}


def test_autoencoder_of_any_size():
    network = abstract(lambda rngs: PVDMAutoencoder(**AUTOENCODER, rngs=rngs))
    video = jax.ShapeDtypeStruct((2, 3, 8, 12, 3), jnp.float32)
    latents = _shape(network, PVDMAutoencoder.encode, video)
    assert latents.shape == (2, 2 * 3 + 3 * 3 + 3 * 2, 4)
    assert _shape(network, PVDMAutoencoder.decode, latents).shape == video.shape
    with pytest.raises(ValueError, match=r"video: 3 x 8 x 8 x 3, but .* 3 x 8 x 12 x 3"):
        network.encode(jnp.zeros((1, 3, 8, 8, 3)))
    with pytest.raises(ValueError, match="20 tokens, but the planes have 21"):
        network.decode(jnp.zeros((1, 20, 4)))


def _shape(network, method, *given):
    graph, weights = split(network)
    return jax.eval_shape(lambda w, *x: method(merge(graph, w), *x), weights, *given)


def test_planes_see_what_they_sum_up():
    """A change in one patch moves one row, column or frame of each plane, and nothing else, where
    no layer before mixes patches."""
    network = filled(lambda rngs: PVDMAutoencoder(**AUTOENCODER, rngs=rngs), dtype=np.float32)
    layer = network.encoder.layers[0]
    layer.time.to_out.kernel = layer.space.to_out.kernel = nnx.Param(jnp.zeros((8, 8)))
    video = np.random.default_rng(0).uniform(-1, 1, (1, 3, 8, 12, 3)).astype(np.float32)
    changed = video.copy()
    changed[0, 2, 4:, 8:] *= -1
    graph, weights = split(network)
    encode = jax.jit(lambda w, x: merge(graph, w).encode(x))
    one, other = encode(weights, jnp.concatenate([video, changed]))
    xy, yt, xt = ((plane[0] != 0).any(-1) for plane in network.planes.split((one - other)[None]))
    assert np.argwhere(xy).tolist() == [[1, 2]]
    assert np.argwhere(yt).tolist() == [[2, 2]]
    assert np.argwhere(xt).tolist() == [[2, 1]]


def test_unet_of_any_planes():
    network = abstract(lambda rngs: PVDMUNet(planes=(4, 2, 6), **UNET, rngs=rngs))
    latents = jax.ShapeDtypeStruct((2, network.planes.tokens, 4), jnp.bfloat16)
    time = jax.ShapeDtypeStruct((2,), jnp.int32)
    noise = _shape(network, PVDMUNet.__call__, latents, time, latents)
    assert noise.shape == latents.shape


def test_positions_begin_without_effect():
    """Further training may begin with a UNet that had none."""
    rng = np.random.default_rng(0)
    x, condition = jnp.asarray(rng.standard_normal((2, 2, 44, 4)), jnp.float32)
    time = jnp.asarray([3, 700])
    build = partial(PVDMUNet, planes=(4, 2, 6), **UNET)
    plain, had = split(abstract(lambda rngs: build(positions=False, rngs=rngs)))
    told, weights = split(abstract(lambda rngs: build(positions=True, rngs=rngs)))
    own = {name for name in weights if ".places." in name}
    assert weights.keys() - own == had.keys() and len(own) == 4 * 8
    given = {n: jnp.asarray(rng.normal(size=v.shape), jnp.float32) for n, v in had.items()}
    made = jax.jit(lambda: flat(build(positions=True, rngs=nnx.Rngs(0))))()
    fresh = {name: made[name] for name in own}
    says = partial(compiled, lambda unet: unet(x, time, condition))
    before = says(plain, given)
    np.testing.assert_array_equal(says(told, given | fresh), before)
    moved = {name: v + 1 if name.endswith("planes") else v for name, v in fresh.items()}
    assert np.abs(says(told, given | moved) - before).max() > 1e-3


def test_what_tells_tokens_apart():
    """A row is the same one in the two planes that have it; so are columns and frames."""
    planes = Planes(2, 3, 4)
    places = Places(planes, 5)
    row = jnp.arange(5.0) + 1
    places.rows = nnx.Param(places.rows[...].at[1].set(row))
    xy, yt, xt = planes.split(places()[None])
    np.testing.assert_array_equal(xy[0, 1], jnp.tile(row, (4, 1)))
    np.testing.assert_array_equal(xt[0, :, 1], jnp.tile(row, (2, 1)))
    assert not xy[0, [0, 2]].any() and not yt.any() and not xt[0, :, [0, 2]].any()
    places.planes = nnx.Param(jnp.arange(15.0).reshape(3, 5))
    xy, yt, xt = planes.split(places()[None])
    np.testing.assert_array_equal(yt[0], jnp.tile(jnp.arange(5.0) + 5, (2, 4, 1)))
    np.testing.assert_array_equal(xt[0, 0, 1], row + jnp.arange(5.0) + 10)


@pytest.mark.parametrize("remat", [False, True])
def test_gradients_compute_layers_again(remat):
    """On request: every block of the UNet, every layer of both transformers."""
    autoencoder = abstract(lambda rngs: PVDMAutoencoder(**AUTOENCODER, remat=remat, rngs=rngs))
    unet = abstract(lambda rngs: PVDMUNet(planes=(2, 4, 4), **UNET, remat=remat, rngs=rngs))
    video, latents = jnp.zeros((1, 3, 8, 12, 3)), jnp.zeros((1, 32, 4))
    layers = _checkpoints(autoencoder, lambda net: net.decode(net.encode(video)))
    blocks = _checkpoints(unet, lambda net: net(latents, jnp.zeros(1), latents))
    assert (layers, blocks) == ((2, 8) if remat else (0, 0))


def _checkpoints(network, call):
    graph, weights = split(network)
    traced = jax.make_jaxpr(lambda w: call(merge(graph, w)))(weights)
    return sum(equation.primitive.name in ("checkpoint", "remat2") for equation in traced.eqns)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": 30}, r"size \(height\) is 30, which patches of 4 do not divide; .* is 32"),
        ({"head_size": 6, "patch": 5}, "head_size is 6; it must be a multiple of 4"),
        ({"frames": 0, "layers": 0}, "frames is 0; it must be 1 or more; layers is 0"),
    ],
)
def test_impossible_autoencoders(change, said):
    with pytest.raises(ValueError, match=f"cannot be built: .*{said}"):
        abstract(lambda rngs: PVDMAutoencoder(**AUTOENCODER | change, rngs=rngs))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"planes": (3, 4, 4)}, "planes: 3 x 4 x 4 .* 2 levels halve them 1 times.* multiple of 2"),
        ({"planes": (4, 4)}, r"planes: \(4, 4\); give frames, rows and columns"),
        ({"heads": 3, "norm_groups": 8}, r"heads: 3 does not divide .*norm_groups: 8 does not"),
        ({"attention": (True,)}, "attention: 1 entries for 2 levels"),
        ({"layers": 0}, "layers: 0; it must be 1 or more"),
    ],
)
def test_impossible_unets(change, said):
    with pytest.raises(ValueError, match=f"cannot be built: .*{said}"):
        abstract(lambda rngs: PVDMUNet(**{"planes": (2, 4, 4)} | UNET | change, rngs=rngs))
