"""The reference scope is the public code of Video-Infinity, layer by layer, on any mesh."""

from dataclasses import replace
from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest

from convert.diffusers_unet3d import ATTENTION, TEMPORAL_CONV
from tests.nn.scoped import ran
from tests.parallel.clips import on_devices, simulated
from tests.parity.formula import normal, weight
from tests.parity.video_infinity import outputs, scope_of, settings
from tests.tolerances import FP64
from vinf_jax.checkpoint.mapping import convert, source_shapes
from vinf_jax.nn.attention import Attention
from vinf_jax.nn.dual import DualScope
from vinf_jax.nn.parameters import abstract, merge, split
from vinf_jax.nn.reference import Reference
from vinf_jax.nn.scope import Full
from vinf_jax.nn.temporal import TemporalConv

ATTENTIONS = settings("module_attention.settings")
CONVOLUTIONS = {
    "plain_unsplit": lambda ranks: Full(),
    "conv_layer_pad4": lambda ranks: Reference(ranks, padding=1),
    "conv_layer_pad2": lambda ranks: Reference(ranks, padding=1, conv_padding=2),
    "conv_layer_pad1": lambda ranks: Reference(ranks, padding=1, conv_padding=1),
    "gn_sync_conv3d_halo1": lambda ranks: Reference(ranks, padding=1, synchronised="norm_and_conv"),
    "gn_sync_conv_layer_pad4": lambda ranks: Reference(ranks, padding=1, synchronised="norm"),
}
ON = {1: [(None, 1)], 2: [(None, 1), (simulated, 4)]}
"""Meshes for fixtures of so many ranks; 4 clips leave padding behind 10 frames."""


def public(build, table, gain):
    """The public module's weights, `gain` times as large where its keys end so."""
    graph, target = split(abstract(build))
    source = {
        key: weight(key, shape) * gain.get(key, 1)
        for key, shape in source_shapes(table, target).items()
    }
    return merge(
        graph, {name: jnp.asarray(x) for name, x in convert(table, source, target).items()}
    )


@cache
def attention():
    gain = {"to_q.weight": 4, "to_k.weight": 4}
    return public(lambda rngs: Attention(32, 2, 16, rngs=rngs), ATTENTION, gain)


@cache
def temporal_conv():
    return public(lambda rngs: TemporalConv(16, groups=4, rngs=rngs), TEMPORAL_CONV, {})


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention(x64, name, ranks):
    setting = ATTENTIONS[name]
    scope = replace(scope_of(ranks, setting["cfg"]), conv_padding=1)
    frames = ranks * setting["F"]
    x = normal(5000 * ranks + setting["F"], 5, frames, 32)
    expected = outputs(f"module_attention_ws{ranks}")[name]

    module = attention()

    def call(part, context):
        return scope.attend(module, part, context)

    for run, clips in ON[ranks]:
        out = ran(scope, x, setting["t"], call, run, clips)
        assert np.abs(out - expected).max() < FP64, f"{clips} clips"


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_temporal_convolution(x64, name, ranks):
    scope = CONVOLUTIONS[name](ranks)
    x = (normal(6000 + ranks, 2, ranks * 6, 16, 3, 4) + 0.5).transpose(0, 1, 3, 4, 2)
    expected = outputs(f"module_temporal_conv_ws{ranks}")[name].transpose(0, 1, 3, 4, 2)

    layer = temporal_conv()
    for run, clips in [*ON[ranks], (on_devices, 5)] if ranks == 2 else ON[ranks]:
        out = ran(scope, x, 0, layer, run, clips)
        assert np.abs(out - expected).max() < FP64, f"{clips} clips"


@pytest.mark.parametrize("ranks", [1, 2])
def test_our_default_is_the_public_layer_with_both_plugins_on(x64, ranks):
    x = (normal(6000 + ranks, 2, ranks * 6, 16, 3, 4) + 0.5).transpose(0, 1, 3, 4, 2)
    expected = outputs(f"module_temporal_conv_ws{ranks}")["gn_sync_conv3d_halo1"]

    layer = temporal_conv()
    out = ran(DualScope(), x, 0, layer, simulated, 5)
    assert np.abs(out - expected.transpose(0, 1, 3, 4, 2)).max() < FP64
