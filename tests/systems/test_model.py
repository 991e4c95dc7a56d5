"""The whole system, tiny: the video belongs to prompts and seed, never to devices."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.tiny import SMALLEST, tiny_model
from tests.tolerances import FP64
from vinf_jax.checkpoint import store
from vinf_jax.nn.parameters import flat
from vinf_jax.systems.video_infinity import VideoInfinity

FRAMES = 10
PROMPTS = ["a red disc moves left", "a blue square"]
WISH = {"frames": FRAMES, "crossfade": 2}
WORST = 2  # of 255, over a whole float32 video


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def video(model):
    return model.generate(PROMPTS, **WISH)


def latents_and_video(model, **wish):
    """The last state's latents without padding, and the frames."""
    states = []

    def follow(progress):
        if progress.stage == "denoise":
            states.append(progress.state)

    frames = model.generate(PROMPTS, **WISH, **wish, on_step=follow)
    return np.asarray(states[-1]["x"])[:, :FRAMES], frames


def test_float64_is_the_same_on_any_devices(x64):
    model = tiny_model(dtype=jnp.float64, unet=SMALLEST)
    latents, frames = latents_and_video(model)
    assert latents.dtype == np.float64
    others, again = latents_and_video(model, clips=4, guidance_groups=2)
    np.testing.assert_allclose(others, latents, atol=FP64)
    np.testing.assert_array_equal(again, frames)


def test_float32_is_the_same_to_the_eye(model, video, optimised):
    """Five clips of two frames, three of padding only; compiled as users do, and the whole as tests
    do."""
    other = model.generate(PROMPTS, **WISH, clips=8)
    assert other.shape == (FRAMES, 32, 32, 3) and other.dtype == np.uint8
    assert video.std() > 10
    assert np.abs(other.astype(int) - video).max() <= WORST


def test_seeds_are_videos_and_compile_nothing(model, video):
    kept = set(model._compiled._kept)
    np.testing.assert_array_equal(model.generate(PROMPTS, **WISH, seed=0), video)
    other = model.generate(PROMPTS, **WISH, seed=1)
    assert np.abs(other.astype(int) - video).mean() > 5
    assert set(model._compiled._kept) == kept


def test_prompts_rule_their_frames(model, video):
    """Each in its own range: where they change places the video changes; so does a cross-fade."""
    ranges = [(0, 3), (3, FRAMES)]
    for wish in ({"ranges": ranges}, {"crossfade": 6}, {"negative_prompt": "a red square"}):
        other = model.generate(PROMPTS, **WISH | wish)
        assert (other != video).any(), wish
    same = model.generate(PROMPTS, **WISH, ranges=[(0, 5), (5, FRAMES)])
    np.testing.assert_array_equal(same, video)


def test_stochastic_without_guidance_and_what_is_told_on_the_way():
    model, told, looks = tiny_model(unet=SMALLEST), [], []

    def follow(progress):
        told.append((progress.stage, progress.step, progress.steps))
        if progress.stage == "denoise":
            looks.append(progress.preview())

    wish = {"frames": 9, "guidance": 1, "sampler": "sde-dpmsolver++", "steps": 2}
    pieces = list(model.stream(PROMPTS[:1], **wish, clips=2, on_step=follow))
    assert [start for start, _ in pieces] == [0]
    assert told == [
        *[("set-up", n, 1) for n in range(2)],
        *[("compile", n, 1) for n in range(2)],
        *[("denoise", n, 2) for n in range(3)],
        *[("compile", n, 1) for n in range(2)],
        *[("decode", n, 1) for n in range(2)],
    ]
    assert list(model.timings) == ["set-up", "compile", "denoise", "decode"]
    assert looks[0] is None and looks[2].shape == (8, 32, 32, 3)
    together = np.concatenate([pixels for _, pixels in pieces])
    np.testing.assert_array_equal(looks[2][0], together[0])
    whole = model.generate(PROMPTS[:1], **wish)
    assert np.abs(together.astype(int) - whole).max() <= WORST


def test_a_preview_kept_too_long_says_so(model):
    late = []
    model.generate(PROMPTS, **WISH, on_step=late.append)
    first = next(p for p in late if p.stage == "denoise" and p.step == 1)
    with pytest.raises(ValueError, match="while on_step runs"):
        first.preview()


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.float32])
def test_saved_and_loaded(tmp_path, model, video, dtype):
    folder = tmp_path / "weights"
    model.save(folder, dtype=dtype, provenance={"commit": "abc"})
    again = VideoInfinity.load(folder)
    assert again.provenance == {"commit": "abc"} and again.settings == model.settings
    assert again.schedule == model.schedule and again.tokenizer.words == model.tokenizer.words
    for part in ("unet", "autoencoder", "text_encoder"):
        loaded = flat(getattr(again, part))
        for name, x in flat(getattr(model, part)).items():
            assert loaded[name].dtype == jnp.float32
            np.testing.assert_array_equal(loaded[name], x.astype(dtype).astype(jnp.float32))


def test_folders_that_hold_no_model(tmp_path, model):
    with pytest.raises(ValueError, match="nowhere"):
        VideoInfinity.load(tmp_path / "nowhere")
    store.save(tmp_path / "foreign", {"x": np.ones(3)}, metadata={"made_by": "someone"})
    with pytest.raises(ValueError, match=r"foreign.*not a text-to-video model"):
        VideoInfinity.load(tmp_path / "foreign")
    folder = tmp_path / "weights"
    model.save(folder)
    with pytest.raises(OSError, match="exists"):
        model.save(folder)
    largest = max((f for f in folder.rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-9] + bytes(9))
    with pytest.raises(ValueError, match="weights"):
        VideoInfinity.load(folder)


def test_arguments_of_another_network_are_not_saved(tmp_path, model):
    wrong = dict(model.arguments) | {"unet": model.arguments["unet"] | {"layers": 2}}
    parts = ("unet", "autoencoder", "text_encoder", "tokenizer", "schedule", "settings")
    other = VideoInfinity(**{name: getattr(model, name) for name in parts}, arguments=wrong)
    with pytest.raises(ValueError, match="unet"):
        other.save(tmp_path / "weights")


REFUSED = [
    ({"frames": 0}, ["frames: 0"]),
    ({"clips": 0}, ["clips: 0"]),
    ({"clips": 11}, ["11 clips for 10 frames", "need 11 devices", "there are 8"]),
    ({"clips": 5, "guidance_groups": 2}, ["need 10 devices", "at most 4 clips"]),
    ({"guidance_groups": 3}, ["guidance_groups: 3"]),
    ({"guidance_groups": 2, "guidance": 1}, ["only one half"]),
    ({"guidance": float("nan")}, ["guidance: nan"]),
    ({"guidance_steps": (0.8, 0.2)}, ["guidance_steps: (0.8, 0.2)", "rising"]),
    ({"guidance_steps": (0.0, 0.1)}, ["[0.0, 0.1] holds none of 3 steps"]),
    ({"guidance_steps": (0, 0.5), "guidance_groups": 2}, ["save nothing", "1 guidance group"]),
    ({"reuse": 0}, ["reuse: 0", "from 1 to"]),
    ({"exchange": "int4"}, ["exchange: 'int4'; give one of exact, int8"]),
    ({"seed": -1}, ["seed: -1"]),
    ({"steps": 0}, ["steps=0"]),
    ({"steps": 1000}, ["steps=1000"]),
    ({"sampler": "euler"}, ["'euler'", "dpmsolver++"]),
    ({"sampler": "ddim", "karras": True}, ["karras: ddim"]),
    ({"seed": 2**31}, ["seed: 2147483648", "to 2147483647"]),
    ({"height": 24}, ["height: 24", "multiple of 16"]),
    ({"fps": 0}, ["fps: 0"]),
    ({"known_time": 2000}, ["known_time: 2000", "0 (clean) to 999"]),
    ({"scope": "dual"}, ["'dual'"]),
    ({"scope": {"preset": "reference", "ranks": 3}}, ["ranks: 3 do not divide 10"]),
    ({"ranges": [(0, 5)]}, ["1 ranges for 2 prompts"]),
    ({"crossfade": 40}, ["crossfade: 40"]),
    ({"wave": -1, "overlap": 1.5}, ["wave: -1", "overlap: 1.5"]),
    ({"wave": 4, "overlap": 4}, ["overlap: 4", "give 3 at most"]),
    ({"wave": 3, "overlap": 0, "clips": 4, "scope": "base"}, ["4 clips", "smallest wave holds 3"]),
    ({"wave": 5, "scope": {"preset": "reference", "ranks": 1}}, ["counts frames by place"]),
    ({"wave": 5, "scope": "freenoise"}, ["preset freenoise counts frames by place"]),
    ({"cuts": [10], "crossfade": -1}, ["cuts: 10", "frame 1 to 9", "crossfade: -1"]),
    ({"cuts": "prompts", "scope": "base"}, ["cuts: 'prompts'", "Full"]),
    ({"negative_prompt": "a green disc"}, ["'green' is not known"]),
    ({"frames": 0, "seed": -1, "width": 7, "sampler": "x"}, ["frames", "seed", "width", "'x'"]),
]


@pytest.mark.parametrize(("wish", "words"), REFUSED)
def test_refusals_come_at_once_and_together(model, wish, words):
    with pytest.raises(ValueError) as refusal:
        model.stream(PROMPTS, **{"frames": FRAMES} | wish)
    assert all(word in str(refusal.value) for word in words), refusal.value


@pytest.mark.parametrize("prompts", [[], "a red disc", ["a purple disc"]])
def test_prompts_that_are_none(model, prompts):
    with pytest.raises(ValueError, match=r"prompts|purple"):
        model.stream(prompts, frames=FRAMES)


def test_cuts_are_part_of_the_scope():
    model = tiny_model(crossfade=2)
    made = model.begin(PROMPTS, frames=FRAMES, cuts="prompts").request
    assert (made.cuts, made.crossfade) == ((5,), 0) == (made.scope.cuts, 0)
    made = model.begin(PROMPTS, frames=FRAMES, cuts=[7, 5]).request
    assert (made.cuts, made.crossfade) == ((5, 7), 2)
    assert model.begin(PROMPTS, frames=FRAMES).request.cuts == ()
    assert model.begin(PROMPTS, frames=FRAMES, scope="independent").request.scope.length == 8


def test_a_default_crossfade_gives_way_to_short_prompts():
    """Settings must not refuse what a person asks; their own cross-fade is refused."""
    model = tiny_model(crossfade=100)
    model.stream(PROMPTS, frames=4)
    with pytest.raises(ValueError, match="at most 4"):
        model.stream(PROMPTS, frames=4, crossfade=100)
