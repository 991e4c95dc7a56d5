"""Making a video in waves: known frames stay and count, calls may stop and go on, anywhere."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from tests.tiny import SETTINGS, SMALLEST, tiny_model
from tests.tolerances import MODEL

PROMPTS = ["a red disc moves left"]
OVERLAP = 2
SCOPE = {"preset": "video_infinity", "local": 1, "spread": 4}
CHOSEN = {"scope": SCOPE, "sampler": "sde-dpmsolver++", "known_time": 400}
JOB = {"frames": 20, "wave": 10, "overlap": OVERLAP}
TAKE = {"frames": 40, "overlap": OVERLAP, "given": {*range(14), *range(22, 40)}}
"""Two jobs whose calls have the same size: 10 + 2 + 4 and 8 + 2 x 2 + 4."""


@pytest.fixture(scope="module")
def model():
    return tiny_model(unet=SMALLEST, **CHOSEN)


def latents(numbers, seed=1):
    """Latents that belong to their frames' numbers."""
    rngs = [np.random.default_rng((seed, n)) for n in numbers]
    return np.stack([rng.standard_normal((4, 4, 4)) for rng in rngs]).astype(np.float32)


@pytest.fixture(scope="module")
def taken(model):
    """A retake of frames 14 to 21: its latents, the states on the way, and the last one."""
    saved, last = {}, []
    made = model.begin(PROMPTS, **TAKE).wave(
        0,
        latents,
        on_state=saved.__setitem__,
        on_step=lambda progress: last.append(progress.state),
    )
    return made, saved, {name: np.asarray(x)[0] for name, x in last[-1].items()}


def test_a_retake_is_made_between_both_sides(model, taken):
    made, saved, last = taken
    (wave,) = model.begin(PROMPTS, **TAKE).waves
    assert wave.made == tuple(range(14, 22)) and not wave.gapless
    assert made.shape == (8, 4, 4, 4) and made.dtype == np.float32
    known = np.array(wave.known)
    for state in (*saved.values(), last):
        for x in state.values():
            np.testing.assert_array_equal(x[known], latents(wave.held))
    np.testing.assert_array_equal(last["x"][~known], made)
    assert list(saved) == [1, 2] and made.std() > 0.1


def test_any_mesh_makes_the_same_retake(model, taken):
    """Clips that do not divide the frames, guidance on two groups; also half way from another."""
    made, saved, _ = taken
    other = model.begin(PROMPTS, **TAKE, clips=3, guidance_groups=2)
    assert np.abs(other.wave(0, latents) - made).max() < MODEL
    assert np.abs(other.wave(0, latents, state=saved[2], step=2) - made).max() < MODEL


def test_a_saved_state_goes_on_bit_for_bit(model, taken):
    made, saved, _ = taken
    making = model.begin(PROMPTS, **TAKE)
    for step, state in saved.items():
        again = making.wave(0, refused, state=state, step=step)
        np.testing.assert_array_equal(again, made)


def refused(numbers):
    raise AssertionError("a state holds its known frames")


def test_a_known_frame_matters_most_to_those_beside_it(model, taken):
    def changed(numbers):
        return latents(numbers) + 2 * np.array([n == 22 for n in numbers])[:, None, None, None]

    made = model.begin(PROMPTS, **TAKE).wave(0, changed)
    moved = np.abs(made - taken[0]).mean((1, 2, 3))
    assert moved.min() > 0 and moved.argmax() == 7


def test_how_noisy_known_frames_look_is_a_wish(model, taken):
    """Another time than the model's makes other frames; the known ones stay."""
    last = []
    making = model.begin(PROMPTS, **TAKE, known_time=1000)
    made = making.wave(0, latents, on_step=lambda progress: last.append(progress.state))
    known = np.array(making.waves[0].known)
    np.testing.assert_array_equal(
        np.asarray(last[-1]["x"])[0][known], latents(making.waves[0].held)
    )
    assert np.abs(made - taken[0]).max() > 10 * MODEL


def test_one_wave_is_the_unwaved_video(model):
    """The same call: nothing else is compiled, and no bit differs."""
    video = model.generate(PROMPTS, frames=10)
    kept = set(model._compiled._kept)
    np.testing.assert_array_equal(model.generate(PROMPTS, frames=10, wave=10, overlap=3), video)
    assert set(model._compiled._kept) == kept
    making = model.begin(PROMPTS, frames=10)
    plain = making.wave(0, refused)
    np.testing.assert_array_equal(np.concatenate(list(making.decode(plain))), video)
    # The slow twin: the call of a wave with known frames, none of which is known.
    making.waves = (replace(making.waves[0], afar=making.waves[0].afar[::-1]),)
    assert not making.waves[0].plain
    assert np.abs(making.wave(0, refused) - plain).max() < MODEL


def test_waves_make_a_video_in_order(model):
    told = []
    pieces = list(model.stream(PROMPTS, **JOB, on_step=told.append))
    assert [first for first, _ in pieces] == [0, 8, 10, 18]
    video = np.concatenate([pixels for _, pixels in pieces])
    making = model.begin(PROMPTS, **JOB)
    first = making.wave(0, refused)
    second = making.wave(1, lambda numbers: first[list(numbers)])
    assert {len(wave.numbers) for wave in making.waves[1:]} == {16}
    by_hand = [*making.decode(first), *making.decode(second)]
    np.testing.assert_array_equal(np.concatenate(by_hand), video)
    assert {(p.wave, p.waves, len(p.numbers)) for p in told if p.stage == "denoise"} == {
        (0, 2, 10),
        (1, 2, 16),
    }


def test_given_frames_are_part_of_the_video(model):
    """In their places, decoded like all others; pictures become latents by `encode`."""
    numbers = [*range(14), *range(22, 40)]
    given = dict(zip(numbers, latents(numbers), strict=True))
    pieces = list(model.stream(PROMPTS, frames=40, overlap=OVERLAP, given=given))
    video = np.concatenate([pixels for _, pixels in pieces])
    assert video.shape == (40, 32, 32, 3)
    making = model.begin(PROMPTS, **TAKE)
    alone = np.concatenate(list(making.decode(latents(numbers))))
    np.testing.assert_array_equal(video[numbers], alone)
    encoded = model.encode(video[:11])
    assert encoded.shape == (11, 4, 4, 4) and encoded.dtype == np.float32
    mean = jax.jit(model.autoencoder.encode)(video[3:5] / np.float32(127.5) - 1)[0]
    assert np.abs(encoded[3:5] - mean * SETTINGS["latent_scale"]).max() < MODEL


def test_what_does_not_fit_is_refused(model):
    short = {0: np.zeros((4, 4, 4)), 5: np.zeros((4, 3, 4))}
    with pytest.raises(ValueError, match=r"frame 5 has latents of shape \(4, 3, 4\).*32x32"):
        model.stream(PROMPTS, frames=8, given=short)
    with pytest.raises(ValueError, match=r"given: 8, but the video's frames are 0 to 7"):
        model.begin(PROMPTS, frames=8, given=[8])
    making = model.begin(PROMPTS, **TAKE)
    with pytest.raises(ValueError, match=r"latents: shape \(3, 4, 4, 4\); give \(8, 4, 4, 4\)"):
        making.wave(0, lambda numbers: latents(numbers)[:3])
    with pytest.raises(ValueError, match="not finite"):
        making.wave(0, lambda numbers: latents(numbers) * np.nan)
    for pixels in (np.zeros((1, 32, 32, 3)), np.zeros((1, 30, 32, 3), np.uint8)):
        with pytest.raises(ValueError, match=r"pixels: .*(uint8|multiples of 8)"):
            model.encode(pixels)
