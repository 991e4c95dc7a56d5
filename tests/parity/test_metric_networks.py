"""Discriminators, LPIPS, I3D and C3D against their public layouts, in float64."""

import jax
import numpy as np
import pytest

from convert import c3d, i3d, lpips, patch_discriminator
from tests.parity import metric_networks as public
from tests.tolerances import FP64
from vinf_jax.checkpoint.mapping import convert, source_shapes
from vinf_jax.models.c3d import C3D
from vinf_jax.models.i3d import I3D
from vinf_jax.models.lpips import LPIPS
from vinf_jax.models.patch_discriminator import PatchDiscriminator
from vinf_jax.nn.parameters import abstract, merge, split


def _last(x):
    return np.moveaxis(x, 1, -1)


PAIRS = np.moveaxis(public.PICTURES, 2, -1)
NETWORKS = {
    "frames": (
        lambda rngs: PatchDiscriminator(axes=2, width=public.WIDTH, rngs=rngs),
        patch_discriminator.table(axes=2),
        [_last(public.FRAMES)],
    ),
    "clips": (
        lambda rngs: PatchDiscriminator(axes=3, width=public.WIDTH, rngs=rngs),
        patch_discriminator.table(axes=3),
        [_last(public.CLIPS)],
    ),
    "lpips": (
        lambda rngs: LPIPS(widths=public.VGG[0], depths=public.VGG[1], rngs=rngs),
        lpips.table(),
        [PAIRS[:, 0], PAIRS[:, 1]],
    ),
    "i3d": (
        lambda rngs: I3D(classes=public.CLASSES, stem=public.STEM, mixed=public.MIXED, rngs=rngs),
        i3d.table(),
        [_last(public.ACTIONS)],
    ),
    "c3d": (
        lambda rngs: C3D(**public.C3D, rngs=rngs),
        c3d.table(widths=list(public.C3D["widths"]), size=public.C3D["size"]),
        [_last(public.SMALL)],
    ),
}


@pytest.fixture(scope="module")
def golden():
    with np.load(public.FILE) as stored:
        return dict(stored)


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs(name, golden, x64):
    build, table, inputs = NETWORKS[name]
    graph, like = split(abstract(build))
    source = {key: public.value(key, shape) for key, shape in source_shapes(table, like).items()}
    weights = convert(table, source, like)
    made = jax.jit(lambda weights, *x: merge(graph, weights)(*x))(weights, *inputs)
    made = made if isinstance(made, list) else [made]
    stored = [golden[key] for key in golden if key.startswith(f"{name}/")]
    assert len(made) == len(stored)
    for ours, theirs in zip(made, stored, strict=True):
        assert ours.dtype == np.float64 and ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < FP64 * max(1, np.abs(theirs).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_recorded_outputs_are_those_of_torch(name, golden):
    pytest.importorskip("torch", reason="compared with torch where it is installed")
    for n, x in enumerate(public.PUBLIC[name]()):
        assert np.abs(x - golden[f"{name}/{n}"]).max() < FP64 * max(1, np.abs(x).max())
