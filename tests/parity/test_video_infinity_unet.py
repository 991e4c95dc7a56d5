"""The whole network under the public code's settings, in float64, and its modules on the way.

Cases run in batches, and equal layers are compiled once, since compilation is nearly all that such
a test does. Of some cases only the deviation of the output and its distance from the unsplit
network were recorded.
"""

import itertools
from dataclasses import dataclass, replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convert.diffusers_unet3d import table
from tests.parallel.clips import poisoned, quickly
from tests.parity.formula import normal, parameters
from tests.parity.layerwise import layerwise
from tests.parity.recording import record, summary
from tests.parity.video_infinity import HERE, outputs, scope_of, settings
from tests.tolerances import FP64
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.context import surround
from vinf_jax.nn.conv import ResidualBlock
from vinf_jax.nn.parameters import abstract, merge, split
from vinf_jax.nn.scope import Folded, Full, Scope
from vinf_jax.nn.temporal import TemporalConv
from vinf_jax.nn.transformer import SpatialTransformer, TemporalTransformer
from vinf_jax.parallel.mesh import CLIP, EVERYWHERE, FRAMES, make_mesh, on_mesh
from vinf_jax.parallel.timeline import Sharded, Whole

SHAPE = {"channels": (32, 64, 64, 64), "layers": 1}
SIZES = {"head_size": 16, "context_width": 24, "norm_groups": 8}
CASES = settings("cases_ws1") | settings("cases_ws2")
BATCHES = {
    "attention of one rank": [
        "base_ws1",
        "global_phase_t801_ws1",
        "local_phase_t401_ws1",
        "token_num_scale_ws1",
        "attn_scale0.7_ws1",
    ],
    "attention of two ranks": [
        "base_ws2",
        "global_phase_t801_ws2",
        "local_phase_t401_ws2",
        "both_phases_t800_ws2",
        "token_num_scale_ws2",
        "attn_scale0.7_ws2",
        "padding1_ws2",
        "padding_eq_F_ws2",
        "topk0_ws2",
        "topk_indivisible5_ws2",
    ],
    "convolution": [
        "gn_sync_conv3d_halo1_ws2",
        "gn_sync_plus_conv_layer_ws2",
        "conv_padding1_ws2",
        "conv_padding2_ws2",
    ],
}
ON_OTHER_MESHES = ["F4_eq_conv_padding_ws2"]
RECORDED = {path.stem for path in HERE.glob("*.npz")} & set(CASES)
REFUSED = [name for name in CASES if name.startswith("ERR") or name == "F3_lt_conv_padding_ws2"]


@cache
def network():
    graph, like = split(abstract(lambda rngs: UNet3D(**SHAPE, **SIZES, rngs=rngs)))
    return graph, parameters(table(**SHAPE), like, sharp=True)


def inputs(case):
    seed, frames = 1000 * case["ws"] + 10 * case["F"], case["ws"] * case["F"]
    x = normal(seed, 2, 4, frames, 8, 16).transpose(0, 2, 3, 4, 1)
    return x, normal(seed + 1, 2, 7, 24)


def scope_in(case):
    return scope_of(case["ws"], case["attn"], case.get("conv_layer"), case.get("mode"))


@dataclass(frozen=True)
class Several(Folded):
    """A scope for each equal part of the batch. Those that differ in attention alone need not part
    for convolutions and norms, which would only be more to compile."""

    scopes: tuple[Scope, ...]
    together: bool

    def layers(self):
        return self.scopes[:1] if self.together else self.scopes

    def plan(self, timeline, numbers, time, afar):
        times = jnp.split(time, len(self.scopes))
        return [s.plan(timeline, numbers, t, afar) for s, t in zip(self.scopes, times, strict=True)]

    def attend(self, attention, x, context):
        parts = zip(self.scopes, jnp.split(x, len(self.scopes)), context.plan, strict=True)
        out = [s.attend(attention, part, replace(context, plan=plan)) for s, part, plan in parts]
        return jnp.concatenate(out)

    def normalise(self, norm, x, context):
        parts = zip(self.layers(), jnp.split(x, len(self.layers())), strict=True)
        return jnp.concatenate([s.normalise(norm, part, context) for s, part in parts])

    def convolve(self, stages, x, context):
        parts = zip(self.layers(), jnp.split(x, len(self.layers())), strict=True)
        out = [s.convolve(stages, part, replace(context, scope=s)) for s, part in parts]
        return jnp.concatenate(out)


def caller(line, scope, times, names=()):
    """(parameters, x, text) -> (the network's output, outputs of the modules so named). x and text
    (2, ...) are repeated for every time."""
    graph, _ = network()

    def call(weights, x, text):
        unet = merge(graph, weights)
        numbers = line.first_frame(x.shape[1]) + jnp.arange(x.shape[1])
        time = jnp.repeat(jnp.asarray(times), 2)
        context = surround(line, scope, numbers, time, gapless=True)
        x, text = (jnp.concatenate([part] * len(times)) for part in (x, text))
        return record(unet, names, lambda: unet(x, time, text, 24, context))

    return call


def assert_output(out, expected, name="output"):
    assert np.abs(np.asarray(out) - expected[name].transpose(0, 2, 3, 4, 1)).max() < FP64


def assert_figures(out, case):
    """The deviation of the output, and how far it is from the unsplit network's."""
    plain = outputs(f"base_ws{case['ws']}")["plain_unsplit"].transpose(0, 2, 3, 4, 1)
    distance = np.linalg.norm(out - plain) / np.linalg.norm(plain)
    assert abs(np.std(out, ddof=1) - case["out_std"]) < FP64
    assert case["t"] != 801 or abs(distance - case["rel_diff_to_plain_unsplit"]) < FP64


def assert_traces(seen, expected, case):
    """Of each rank's part of a module's output: mean, deviation, first and last element."""
    for name, out in seen.items():
        for rank, part in enumerate(np.split(np.asarray(out), case["ws"], axis=1)):
            wanted = expected[f"trace/rank{rank}/{name}"]
            assert np.abs(summary(part) - wanted).max() < FP64 * max(1, wanted[1]), (name, rank)


def traced(expected):
    return sorted({key.split("/")[2] for key in expected if key.startswith("trace/")})


@pytest.mark.parametrize("batch", BATCHES)
def test_public_settings(x64, batch):
    names, cases = BATCHES[batch], [CASES[name] for name in BATCHES[batch]]
    scopes, together = [scope_in(case) for case in cases], batch != "convolution"
    if not together:  # and the network without plugins: every frame sees every frame
        scopes, cases = [*scopes, Full()], [*cases, CASES["base_ws2"]]
    traces = traced(outputs(names[0]))
    scope = Several(tuple(scopes), together)
    call = caller(Whole(), scope, [case["t"] for case in cases], traces)
    with layerwise(ResidualBlock, TemporalConv, SpatialTransformer, TemporalTransformer):
        out, seen = call(*jax.tree.map(jnp.asarray, (network()[1], *inputs(cases[0]))))
    if not together:
        assert_output(out[2 * len(names) :], outputs("base_ws2"), "plain_unsplit")
    assert len(seen) == len(traces)
    for n, (name, case) in enumerate(zip(names, cases, strict=False)):
        mine = slice(2 * n, 2 * n + 2)
        assert_figures(np.asarray(out[mine]), case)
        if name in RECORDED:
            assert_output(out[mine], outputs(name))
            if traced(outputs(name)):
                assert_traces({key: x[mine] for key, x in seen.items()}, outputs(name), case)


def test_two_ranks_on_five_devices(x64):
    """Two frames on each, nothing but padding on the last."""
    (name,) = ON_OTHER_MESHES
    case = CASES[name]
    x, text = inputs(case)
    call = caller(Sharded(CLIP, 5, 8), scope_in(case), [case["t"]])

    def clip(weights, part):
        return call(weights, part, text)[0]

    run = quickly(on_mesh(clip, make_mesh(5), (EVERYWHERE, FRAMES), FRAMES))
    assert_output(run(network()[1], poisoned(x, 5))[:, :8], outputs(name))


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_public_code_fails_at_is_refused(name):
    case = CASES[name]
    with pytest.raises(ValueError, match=r"padding|dynamic_scale"):
        scope = scope_in(case)
        surround(Whole(), scope, jnp.arange(case["ws"] * case["F"]), jnp.zeros(2), gapless=True)


def test_every_case_is_compared_or_refused():
    compared = {*ON_OTHER_MESHES, *itertools.chain(*BATCHES.values())}
    assert compared >= RECORDED
    # Seven frames on each rank: a share that leaves one frame over, in test_reference by its twin.
    assert set(CASES) - compared - set(REFUSED) == {"topk3_F7_ws2_extra_index"}
