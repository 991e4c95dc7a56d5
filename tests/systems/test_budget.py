"""What a step exchanges and computes, held to the counts that the method asks for."""

import dataclasses
import re
from functools import cache

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AbstractMesh, AxisType

from tests.tiny import ARGUMENTS, SETTINGS, SMALLEST, tiny_model
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.nn.parameters import flat
from vinf_jax.parallel.hardware import USABLE
from vinf_jax.parallel.mesh import CLIP, GUIDANCE, make_mesh
from vinf_jax.systems.video_infinity import Settings, fitting
from vinf_jax.systems.video_infinity.budget import ESTIMATE, Budget
from vinf_jax.systems.video_infinity.networks import built

LOCAL, SPREAD, CLIPS, PIXELS, HALVES = 2, 8, 8, 16, 2
SCOPE = {"preset": "video_infinity", "local": LOCAL, "spread": SPREAD}


@cache
def networks():
    return built(ARGUMENTS | {"unet": ARGUMENTS["unet"] | SMALLEST})


def budget(frames=32, mesh=None, dtype=jnp.bfloat16, **changes):
    """Of 4x4 latents; with guidance. changes: of the settings."""
    mesh = mesh or make_mesh(CLIPS)
    settings = Settings(**SETTINGS | {"scope": SCOPE} | changes)
    return Budget(networks(), Schedule.scaled_linear(), settings, mesh, frames, dtype)


def many(clips):
    """A mesh of devices that nobody has."""
    return AbstractMesh((1, clips), (GUIDANCE, CLIP), axis_types=(AxisType.Auto,) * 2)


@cache
def layers():
    """Widths of all temporal convolutions, and of all temporal attentions; count of GroupNorms over
    the video."""
    shapes = {name: x.shape for name, x in flat(networks()["unet"]).items()}
    convolutions = [s[1] for n, s in shapes.items() if re.search(r"temp_convs.*conv\.kernel", n)]
    temporal = {n: s for n, s in shapes.items() if re.search("temp_attentions|transformer_in", n)}
    attentions = [s[0] for n, s in temporal.items() if n.endswith("to_k.kernel")]
    norms = sum(
        bool(re.search(r"(temp_attentions\.\d|transformer_in)\.norm\.scale", n)) for n in shapes
    )
    return convolutions, attentions, norms + len(convolutions)


def test_the_published_network_has_the_counts_of_the_method():
    """88 temporal convolutions, 34 temporal attentions, 105 GroupNorms over the video."""
    names = list(flat(built({"unet": {}})["unet"]))
    count = lambda pattern: sum(bool(re.search(pattern, name)) for name in names)  # noqa: E731
    assert count(r"temp_convs.*conv\.kernel") == 88
    assert count(r"(temp_attentions|transformer_in).*to_k\.kernel") == 34
    assert count(r"(temp_attentions\.\d|transformer_in)\.norm\.scale") == 105 - 88


def expected(clips=CLIPS):
    """Bytes in bfloat16 that a device receives by (permutes, gathers of global frames)."""
    convolutions, attentions, _ = layers()
    frame = 2 * HALVES * PIXELS
    permuted = frame * (2 * sum(convolutions) + 2 * LOCAL * sum(attentions))
    return permuted, frame * sum(attentions) * SPREAD * (clips - 1) / clips


def test_one_permute_each_way_and_one_gather():
    convolutions, attentions, norms = layers()
    found = budget().step.exchanged
    assert set(found) == {"permute", "gather"}
    permuted, gathered = expected()
    numbers = 2 * LOCAL * 4
    assert found["permute"].count == 2 * (len(convolutions) + len(attentions)) + 2
    assert found["permute"].received == permuted + numbers
    statistics = norms * (CLIPS - 1) * 3 * HALVES * ARGUMENTS["unet"]["norm_groups"] * 4
    assert found["gather"].count == len(attentions) + norms
    assert found["gather"].received == gathered + statistics


def test_rounded_features_are_a_byte_each_and_four_of_a_scale():
    """As many messages; statistics and numbers as they were."""
    convolutions, attentions, _ = layers()
    exact, rounded = budget().step.exchanged, budget(exchange="int8").step.exchanged
    assert {kind: e.count for kind, e in rounded.items()} == {k: e.count for k, e in exact.items()}
    frame = HALVES * PIXELS
    channels, inner = sum(c + 4 for c in convolutions), sum(a + 4 for a in attentions)
    numbers = 2 * LOCAL * 4
    assert rounded["permute"].received == frame * 2 * (channels + LOCAL * inner) + numbers
    spared = exact["gather"].received - rounded["gather"].received
    assert spared == expected()[1] - frame * inner * SPREAD * (CLIPS - 1) / CLIPS > 0


@pytest.mark.parametrize("exchange", ["exact", "int8"])
def test_the_compiled_program_exchanges_no_more_than_the_traced_one(exchange):
    one = budget(dtype=jnp.float32, exchange=exchange)
    text = one._step(jnp.float32).lower().compile(compiler_options=ESTIMATE).as_text()
    kinds = ("collective-permute", "all-gather", "all-to-all", "reduce-scatter")
    found = {kind: len(re.findall(rf" {kind}(?:-start)?\(", text)) for kind in kinds}
    exchanged = one.step.exchanged
    assert found["collective-permute"] == exchanged["permute"].count
    assert found["all-gather"] == exchanged["gather"].count
    assert found["all-to-all"] == found["reduce-scatter"] == 0


@pytest.mark.parametrize("frames, clips", [(64, 8), (64 * 8, 64), (12 * 8, 12)])
def test_bytes_do_not_grow_with_frames_or_devices(frames, clips):
    """The kept frames cost at most a quarter more than all of them once."""
    permuted, _ = expected()
    kept = expected(clips)[1] * clips / (clips - 1)
    found = budget(frames, many(clips)).step
    images = sum(exchange.received for kind, exchange in found.exchanged.items())
    statistics = layers()[2] * (clips - 1) * 3 * HALVES * ARGUMENTS["unet"]["norm_groups"] * 4
    assert images - statistics <= permuted + 1.25 * kept + 2 * LOCAL * 4


def test_halves_of_guidance_on_two_groups_meet_in_one_reduction():
    found = budget(mesh=make_mesh(4, 2)).step.exchanged
    assert found["reduce"].count == 1


def test_steps_without_guidance_cost_half():
    """Two of three steps, then."""
    assert budget().share == 1
    assert budget(guidance_steps=(0.3, 0.6)).share == pytest.approx(2 / 3, rel=1e-2)


def test_steps_that_reuse_deep_features_cost_less():
    """Two of four, or three; the whole ones cost what they did."""
    plain, reused = budget(steps=4), budget(steps=4, reuse=2)
    assert reused.step.flops == plain.step.flops
    spared = 1 - reused.share
    assert 0.05 < spared < 0.5
    assert 1 - budget(steps=4, reuse=9).share == pytest.approx(1.5 * spared)
    assert reused.step_memory > plain.step_memory


def test_portions_cost_no_flops():
    """They project the text anew; that is all."""
    whole, sliced = (budget(64, many(1), portion=n).step.flops for n in (0, 16 * PIXELS))
    assert sliced == pytest.approx(whole, rel=1e-2)


def test_portions_spare_memory():
    whole, sliced = (
        budget(256, make_mesh(1), jnp.float32, portion=portion).step_memory
        for portion in (0, 16 * PIXELS)
    )
    assert sliced < 0.6 * whole


def test_tiles_spare_memory_when_decoding():
    """Of 64x64 pixels: four frames at once, one, a quarter of one."""
    sizes = {"height": 64, "width": 64}
    four, one, tiles = (
        budget(4, make_mesh(1), jnp.float32, decode_tile=tile, **sizes).decoding_memory
        for tile in (0, 64 * 64, 32 * 32)
    )
    assert one < 0.5 * four and tiles < one


class Known(Budget):
    """A budget with known numbers: 10 GB of weights, 5 and 2 a frame for a step."""

    weights, decoding_memory = int(10e9), int(1e9)
    step_memory = property(lambda self: int(5e9 + 2e9 * self.length))


class Large(Known):
    decoding_memory = int(200e9)


def known(frames, kind=Known):
    real = budget(frames, many(2))
    return kind(**{field.name: getattr(real, field.name) for field in dataclasses.fields(real)})


def test_what_fits_is_said():
    memory = (10 + 5 + 2 * 30 + 1) * 1e9 / USABLE
    assert fitting.most_frames(known(200), memory) == 30
    assert fitting.troubles(known(60), memory) == []
    (said,) = fitting.troubles(known(200), memory)
    assert "At most 30 frames fit" in said and "--clips 7" in said and "--guidance-groups 2" in said
    assert f"--wave {2 * 30 - 2 * 16 - SPREAD}" in said
    some = dataclasses.replace(known(200), settings=budget(guidance_steps=(0, 0.5)).settings)
    assert "--guidance-groups" not in fitting.troubles(some, memory)[0]
    by_place = budget(scope={"preset": "freenoise", "window": 4}).settings
    (said,) = fitting.troubles(dataclasses.replace(known(200), settings=by_place), memory)
    assert "--clips 7" in said and "--wave" not in said
    (said,) = fitting.troubles(known(40), 12e9)
    assert "more memory" in said and "--decode-tile" not in said
    (said,) = fitting.troubles(known(40, Large), 12e9)
    assert "a smaller --decode-tile" in said


def test_a_model_refuses_what_cannot_fit(monkeypatch):
    model = tiny_model()
    request = model.begin(["a red disc"], frames=4, clips=2).request
    assert fitting.cannot_fit(model, request, jax.devices()) == []
    monkeypatch.setattr(fitting, "memory_of", lambda devices: 1e3)
    (said,) = fitting.cannot_fit(model, request, jax.devices())
    assert "the weights alone" in said and "bfloat16" in said


def test_small_videos_are_not_compiled_to_see_that_they_fit():
    assert fitting.surely_fits(budget(), 24e9)
    assert not fitting.surely_fits(budget(10**7), 24e9)


def test_memory_of_processors_is_shared():
    devices = jax.devices()
    assert fitting.memory_of(devices) * len(devices) == pytest.approx(
        fitting.memory_of(devices[:1])
    )
