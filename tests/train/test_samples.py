"""What the second stage of the text-to-video training is shown."""

import numpy as np
import pytest

from train.latents import Bank
from train.samples import Kind, batch, kinds, one_of, places
from vinf_jax.programs import load_config

EMPTY, WORDS = np.array([0, 0, 0]), np.array([7, 8])
PLAIN = Kind(4, 1, 60, 0.0, 0, 1000, 0.0, "any", 0.0, "")


def bank():
    """Clips of 9 frames whose latents are 100 x clip + frame; every third says a word."""
    latents = 100.0 * np.arange(12)[:, None] + np.arange(9)
    tokens = np.array([[1, 7 if n % 3 == 0 else 2, 100 + n] for n in range(12)])
    return Bank(latents[..., None, None, None], tokens, 1.0)


def drawn(step=0, unconditional=0.0, **changes):
    kind = PLAIN._replace(**changes)
    return batch(bank(), EMPTY, WORDS, kind, step, seed=3, unconditional=unconditional)


def test_frames_lie_a_stride_apart_and_tokens_belong_to_their_clip():
    made = drawn(frames=3, stride=4)
    frames = made["latents"][..., 0, 0, 0]
    assert (np.diff(frames, axis=1) == 4).all()
    assert (frames[:, 0] // 100 == made["tokens"][:, 2] - 100).all()
    starts = drawn(frames=3, stride=3)["latents"][:, 0, 0, 0, 0] % 100
    assert set(starts) == {0, 1, 2}


def test_a_step_decides_its_batch():
    again, other = drawn(5), drawn(6)
    for name, value in drawn(5).items():
        np.testing.assert_array_equal(value, again[name])
    assert (drawn(5)["latents"] != other["latents"]).any()


def test_only_clips_that_say_a_word():
    assert set(drawn(only=1.0)["tokens"][:, 2]) == {100, 103, 106, 109}
    said = (drawn(only=0.5)["tokens"][:, 1] == 7).mean()
    assert 0.5 < said < 0.85


def test_the_clips_of_a_batch_are_known_without_it():
    for step in range(3):
        rng = np.random.default_rng((3, step))
        clips = places(bank(), WORDS, PLAIN._replace(only=0.5), rng)
        assert (drawn(step, only=0.5)["tokens"][:, 2] == 100 + clips).all()


def test_words_that_no_clip_says_are_refused():
    kind = PLAIN._replace(only=0.5, about="jumps")
    with pytest.raises(ValueError, match=r"phase_about.*'jumps'"):
        batch(bank(), EMPTY, np.array([5]), kind, 0, seed=3, unconditional=0.0)


def test_a_share_goes_without_a_caption():
    without = (drawn(unconditional=0.5)["tokens"] == EMPTY).all(1)
    assert 0.3 < without.mean() < 0.7


def test_one_frame_of_a_share_of_the_clips_is_known():
    known = one_of(np.random.default_rng(0), 400, 5, 0.7)
    assert set(known.sum(1)) == {0, 1}
    assert 0.6 < known.any(1).mean() < 0.8
    assert known.any(0).all()
    assert not one_of(np.random.default_rng(0), 10, 5, 0.0).any()
    first = one_of(np.random.default_rng(0), 400, 5, 0.7, "first")
    assert 0.6 < first[:, 0].mean() < 0.8
    assert not first[:, 1:].any()
    assert drawn(known=1.0)["known"].shape == (60, 4)
    assert "known" not in drawn()


def test_every_phase_of_the_config_fits_its_clips():
    config = load_config("configs/sprites.py")
    for kind in kinds(config.train_diffusion):
        assert (kind.frames - 1) * kind.stride < config.frames
