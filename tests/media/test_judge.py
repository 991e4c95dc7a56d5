"""The judge reads the world's clips right, damaged ones too, and says no to everything else."""

import dataclasses
import functools

import numpy as np
import pytest

from vinf_jax.media import sprites
from vinf_jax.media.captions import CHOICES, Facts
from vinf_jax.media.drawing import background
from vinf_jax.media.judge import Reading, judge, score, verdict

CLIPS = 40
CROSS = Facts("green", "cross", "brown", "checkered", "turns")


def clean(frames):
    return frames


def blurred(frames):
    """3 x 3 box blur."""
    rows = sum(np.roll(frames.astype(float), k, 1) for k in (-1, 0, 1)) / 3
    return as_bytes(sum(np.roll(rows, k, 2) for k in (-1, 0, 1)) / 3)


def noisy(frames):
    return as_bytes(frames + np.random.default_rng(0).normal(0, 8, frames.shape))


def halved(frames):
    """Half the size and back."""
    f, h, w, c = frames.shape
    small = frames.reshape(f, h // 2, 2, w // 2, 2, c).mean((2, 4))
    return as_bytes(small.repeat(2, 1).repeat(2, 2))


def worn(frames):
    """All of it, and colours that are a little off."""
    return noisy(as_bytes(halved(blurred(frames)) * 0.92 + 6))


def as_bytes(frames):
    return np.clip(np.round(frames), 0, 255).astype(np.uint8)


@functools.cache
def held_out(height, width):
    clips = (
        sprites.sample(5, i, split="held_out", height=height, width=width) for i in range(CLIPS)
    )
    return [(facts, frames) for facts, _, frames in clips]


CLEAN = {"colour": 0.99, "background": 0.99, "pattern": 0.99, "shape": 0.98, "motion": 0.97}
DAMAGED = dict.fromkeys(CHOICES, 0.95)


@pytest.mark.parametrize(
    "damage, least, height, width",
    [
        (clean, CLEAN, 64, 64),
        (blurred, DAMAGED, 64, 64),
        (noisy, DAMAGED, 64, 64),
        (halved, DAMAGED, 64, 64),
        (worn, DAMAGED, 64, 64),
        (clean, CLEAN, 48, 80),
        (worn, DAMAGED, 48, 80),
    ],
)
def test_accuracy_on_held_out_clips(damage, least, height, width):
    readings = [(judge(damage(frames)), facts) for facts, frames in held_out(height, width)]
    for verb in (score, verdict):
        results = [verb(reading, facts) for reading, facts in readings]
        right = {name: np.mean([result[name] for result in results]) for name in CHOICES}
        assert all(right[name] >= least[name] for name in CHOICES), right


@pytest.mark.parametrize("name", CHOICES)
def test_wrong_facts_are_denied(name):
    """Of every fact, exactly the true value may be found."""
    for facts, frames in held_out(64, 64)[:25]:
        reading = judge(frames)
        for value in CHOICES[name]:
            claim = Facts(**{name: value})
            found = verdict(reading, claim)[name]
            assert found == (value == getattr(facts, name)), (facts, value)
            assert bool(score(reading, claim)[name]) == found


def test_only_what_was_spoken_is_judged():
    reading = judge(sprites.clip(CROSS))
    assert set(score(reading, Facts("green", motion="turns"))) == {"colour", "motion"}
    assert verdict(reading, Facts()) == {}


@pytest.mark.parametrize("pattern", CHOICES["pattern"])
def test_an_empty_background_shows_no_sprite(pattern):
    frames = np.repeat(background("brown", pattern, 64, 64).astype(np.uint8)[None], 8, 0)
    reading = judge(noisy(frames))
    assert set(reading.colour) == set(reading.shape) == {None}
    assert reading.motion is None
    assert set(reading.background) == {"brown"} and set(reading.pattern) == {pattern}
    assert score(reading, CROSS)["colour"] == 0


def test_noise_shows_no_sprite():
    frames = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    reading = judge(frames)
    assert set(reading.colour) == set(reading.shape) == {reading.motion} == {None}


@pytest.mark.parametrize("shape", CHOICES["shape"])
def test_two_sprites_are_no_shape(shape):
    one = sprites.clip(Facts("red", shape, "gray", "plain", "rests"), frames=4)
    both = np.where((one != 122).any(-1, keepdims=True), one, np.roll(one, (20, 33), (1, 2)))
    assert set(judge(both).shape) == {None}


def test_a_sprite_of_two_colours_is_no_colour():
    red = sprites.clip(Facts("red", "circle", "gray", "plain", "rests"), frames=4)
    rows = (np.arange(64) % 12 < 6)[:, None, None]
    mixed = np.where((red != 122).any(-1, keepdims=True) & rows, (44, 72, 236), red)
    assert set(judge(mixed.astype(np.uint8)).colour) == {None}


def test_frames_out_of_order_do_not_move_and_do_not_rest():
    frames = sprites.clip(Facts("red", "circle", "gray", "plain", "moves left"), frames=32)
    assert judge(frames).motion == "moves left"
    assert judge(frames[::-1]).motion == "moves right"
    shuffled = frames[np.random.default_rng(0).permutation(32)]
    assert judge(shuffled).motion is None


def test_the_centre_and_the_angle_are_measured_around_the_edges():
    facts = Facts("blue", "square", "white", "striped", "moves right")
    for seed in range(3):
        reading = judge(sprites.clip(facts, seed=seed, frames=60))
        steps = np.diff(np.unwrap(reading.x, period=1))
        assert steps.min() > 0 and steps.std() < 0.1 * steps.mean()
        assert reading.x.max() - reading.x.min() > 0.9  # it went around
        assert np.ptp(reading.y) < 0.01 and np.ptp(reading.angle) < np.radians(5)


@pytest.mark.parametrize("fps, frames", [(4, 16), (16, 32)])
def test_motion_at_other_rates(fps, frames):
    right = []
    for index in range(30):
        facts, _, video = sprites.sample(1, index, frames=frames, fps=fps)
        right.append(judge(video, fps=fps).motion == facts.motion)
    assert np.mean(right) >= 0.97


def test_a_long_video_of_two_prompts_is_read_in_parts():
    other = Facts("magenta", "circle", "black", "plain", "moves up")
    video = np.concatenate([sprites.clip(CROSS, frames=96), sprites.clip(other, frames=96)])
    reading = judge(video)
    assert score(reading, CROSS)["colour"] == score(reading, other)["shape"] == 0.5
    for part, facts in ((reading.part(0, 96), CROSS), (reading.part(96, 192), other)):
        assert all(verdict(part, facts).values())
        assert not any(verdict(part, other if facts is CROSS else CROSS).values())


def test_frames_are_read_one_by_one():
    """However many are measured at once: the same as alone."""
    video = sprites.clip(CROSS, frames=3, height=1024, width=512)  # more than fit into one piece
    together, alone = judge(video), [judge(frame[None]) for frame in video]
    for field in dataclasses.fields(Reading):
        if field.name != "fps":
            expected = np.concatenate([getattr(one, field.name) for one in alone])
            assert np.array_equal(getattr(together, field.name), expected)


@pytest.mark.parametrize("frames", [1, 3])
def test_too_few_frames_have_no_motion(frames):
    reading = judge(sprites.clip(CROSS, frames=frames))
    assert reading.motion is None and set(reading.shape) == {"cross"}


@pytest.mark.parametrize(
    "frames",
    [np.zeros((4, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), np.zeros((0, 8, 8, 3), np.uint8)],
)
def test_what_is_no_video_is_refused(frames):
    with pytest.raises(ValueError, match="the judge reads uint8 F H W 3"):
        judge(frames)
