"""The whole network under the public code's settings, in float64, and its modules on the way.

Cases with the same temporal convolutions run as one batch, compiled without optimisation, since
compilation is nearly all that such a test does.
"""

import itertools
from dataclasses import dataclass, replace
from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest

from convert.diffusers_unet3d import table
from tests.parallel.clips import poisoned, quickly
from tests.parity.formula import normal, parameters
from tests.parity.recording import record, summary
from tests.parity.video_infinity import HERE, outputs, scope_of, settings
from tests.tolerances import FP64
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.context import surround
from vinf_jax.nn.parameters import abstract, merge, split
from vinf_jax.nn.reference import Reference
from vinf_jax.nn.scope import Full
from vinf_jax.parallel.mesh import CLIP, EVERYWHERE, FRAMES, make_mesh, on_mesh
from vinf_jax.parallel.timeline import Sharded, Whole

SHAPE = {"channels": (32, 64, 64, 64), "layers": 1}
SIZES = {"head_size": 16, "context_width": 24, "norm_groups": 8}
CASES = settings("cases_ws1") | settings("cases_ws2")
BATCHES = {
    "one rank": ["base_ws1", "global_phase_t801_ws1"],
    "two ranks": [
        "base_ws2",
        "global_phase_t801_ws2",
        "local_phase_t401_ws2",
        "token_num_scale_ws2",
        "padding1_ws2",
        "padding_eq_F_ws2",
        "topk0_ws2",
        "topk_indivisible5_ws2",
    ],
    "another conv_padding": ["conv_padding2_ws2"],
    "both plugins": ["gn_sync_conv3d_halo1_ws2"],
}
ELSEWHERE = "F4_eq_conv_padding_ws2"
"""8 frames of 2 ranks: compared on a mesh that is neither."""
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
class Several:
    """Scopes that differ in attention alone, one for each equal part of the batch."""

    scopes: tuple[Reference, ...]

    def plan(self, timeline, numbers, time):
        times = jnp.split(time, len(self.scopes))
        return [s.plan(timeline, numbers, t) for s, t in zip(self.scopes, times, strict=True)]

    def attend(self, attention, x, context):
        parts = zip(self.scopes, jnp.split(x, len(self.scopes)), context.plan, strict=True)
        out = [s.attend(attention, part, replace(context, plan=plan)) for s, part, plan in parts]
        return jnp.concatenate(out)

    def normalise(self, *given):
        return self.scopes[0].normalise(*given)

    def convolve(self, *given):
        return self.scopes[0].convolve(*given)


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
    expected = [outputs(name) for name in names]
    scopes = tuple(scope_in(case) for case in cases)
    assert len({(s.ranks, s.conv_padding, s.synchronised) for s in scopes}) == 1
    traces = traced(expected[0])
    call = caller(Whole(), Several(scopes), [case["t"] for case in cases], traces)
    out, seen = quickly(call)(network()[1], *inputs(cases[0]))
    assert len(seen) == len(traces)
    for n, case in enumerate(cases):
        mine = slice(2 * n, 2 * n + 2)
        assert_output(out[mine], expected[n])
        if traced(expected[n]):
            assert_traces({name: x[mine] for name, x in seen.items()}, expected[n], case)


def test_without_plugins(x64):
    """All frames in one process: every frame sees every frame."""
    call = quickly(caller(Whole(), Full(), [801]))
    out, _ = call(network()[1], *inputs(CASES["base_ws2"]))
    assert_output(out, outputs("base_ws2"), "plain_unsplit")


def test_two_ranks_on_five_devices(x64):
    """Two frames on each, nothing but padding on the last."""
    case = CASES[ELSEWHERE]
    x, text = inputs(case)
    call = caller(Sharded(CLIP, 5, 8), scope_in(case), [case["t"]])

    def clip(weights, part):
        return call(weights, part, text)[0]

    run = quickly(on_mesh(clip, make_mesh(5), (EVERYWHERE, FRAMES), FRAMES))
    assert_output(run(network()[1], poisoned(x, 5))[:, :8], outputs(ELSEWHERE))


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_public_code_fails_at_is_refused(name):
    case = CASES[name]
    with pytest.raises(ValueError, match=r"padding|dynamic_scale"):
        scope = scope_in(case)
        surround(Whole(), scope, jnp.arange(case["ws"] * case["F"]), jnp.zeros(2), gapless=True)


def test_every_recorded_case_is_compared_or_refused():
    recorded = {path.stem for path in HERE.glob("*.npz")} & set(CASES)
    assert recorded == {ELSEWHERE, *itertools.chain(*BATCHES.values())}
    assert len(REFUSED) == 6
