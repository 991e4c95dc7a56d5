"""The world is deterministic, keeps its held-out facts to itself, wraps around, and scales."""

import dataclasses

import numpy as np
import pytest

from vinf_jax.media import sprites
from vinf_jax.media.drawing import background
from vinf_jax.media.sprites import Facts

MOVER = Facts("red", "circle", "black", "plain", "moves right")


def test_the_same_seed_and_index_make_the_same_clip():
    facts, text, frames = sprites.sample(3, 5)
    again = sprites.sample(3, 5)
    assert (facts, text) == again[:2]
    assert np.array_equal(frames, again[2])
    assert frames.shape == (16, 64, 64, 3) and frames.dtype == np.uint8


@pytest.mark.parametrize("seed, index", [(3, 6), (4, 5)])
def test_another_seed_or_index_makes_another_clip(seed, index):
    assert not np.array_equal(sprites.sample(3, 5)[2], sprites.sample(seed, index)[2])


def test_training_never_sees_what_is_held_out():
    train, held_out = (set(sprites.combinations(split)) for split in ("train", "held_out"))
    assert not train & held_out
    assert train | held_out == set(sprites.combinations())
    assert 0.07 < len(held_out) / len(sprites.combinations()) < 0.13
    for index in range(60):
        assert sprites.sample(0, index, frames=1, height=8, width=8)[0] in train
        facts = sprites.sample(0, index, split="held_out", frames=1, height=8, width=8)[0]
        assert facts in held_out


def test_which_facts_are_held_out_never_changes():
    """A shipped model's figures mean nothing once this list is another one."""
    captions = [sprites.caption(facts) for facts in sprites.combinations("held_out")]
    assert len(captions) == 179
    assert captions[0] == "a red circle moves down over a checkered gray background"


@pytest.mark.parametrize("count", [1, 2, 10, 64, 140])
def test_held_out_prompts_are_different_and_mostly_move(count):
    prompts = sprites.held_out_prompts(count, seed=1)
    facts = [sprites.parse(prompt) for prompt in prompts]
    assert len(set(prompts)) == count
    assert set(facts) <= set(sprites.combinations("held_out"))
    assert 2 * sum(str(one.motion).startswith("moves") for one in facts) >= count
    assert prompts == sprites.held_out_prompts(count, seed=1)


def test_held_out_prompts_cannot_be_more_than_there_are():
    with pytest.raises(ValueError, match="count is 1000"):
        sprites.held_out_prompts(1000)


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_another_shape_changes_nothing_else(split):
    """Not where it is, how it moves, nor whether training may see it."""
    shapes = set()
    for index in range(20):
        facts, _, video = sprites.sample(3, index, split=split)
        other, text, changed = sprites.sample(3, index, split=split, reshaped=True)
        assert dataclasses.replace(facts, shape=None) == dataclasses.replace(other, shape=None)
        assert sprites.is_held_out(other) == (split == "held_out")
        assert sprites.parse(text).shape in (other.shape, None)
        assert facts == sprites.facts_of(3, index, split=split)
        assert other == sprites.facts_of(3, index, split=split, reshaped=True)
        shapes.add((facts.shape, other.shape))
        differs = (video != changed).any(-1)
        assert differs.any() == (facts != other) and differs.mean() < 0.2
    assert sum(one != other for one, other in shapes) > (5 if split == "train" else 0)


def test_what_leaves_on_one_side_comes_back_on_the_other():
    frames = sprites.clip(MOVER, frames=400, fps=16)
    reds = (frames[..., 0] > 120).sum((1, 2))
    assert reds.max() - reds.min() <= 0.1 * reds.mean()  # never cut off
    on_both_sides = (frames[:, :, 0, 0] > 120).any(1) & (frames[:, :, -1, 0] > 120).any(1)
    assert on_both_sides.any()
    columns = (frames[..., 0] > 120).any(1)
    assert columns.any(0).all() and not columns.all(1).any()


@pytest.mark.parametrize("motion", ["bounces", "rests", "turns"])
@pytest.mark.parametrize("height, width", [(64, 64), (96, 160)])
def test_what_stays_in_place_stays_clear_of_the_edges(motion, height, width):
    for seed in range(12):
        facts = Facts("red", "triangle", "black", "plain", motion)
        frames = sprites.clip(facts, seed=seed, height=height, width=width, frames=32)
        edge = np.concatenate([frames[:, [0, -1]].ravel(), frames[:, :, [0, -1]].ravel()])
        assert (edge == 32).all()


@pytest.mark.parametrize("frames", [1, 2, 7, 33])
@pytest.mark.parametrize("height, width", [(64, 64), (48, 80), (33, 57), (8, 8)])
def test_any_size_and_length(frames, height, width):
    picture = sprites.sample(1, 2, frames=frames, height=height, width=width, fps=12)[2]
    assert picture.shape == (frames, height, width, 3)


def test_twice_the_rate_shows_the_same_scene_twice_as_finely():
    slow = sprites.clip(MOVER, seed=9, frames=8, fps=8)
    fast = sprites.clip(MOVER, seed=9, frames=20, fps=16)
    assert np.array_equal(slow, fast[:16:2])
    assert not np.array_equal(fast[0], fast[1])


def test_twice_the_size_shows_the_same_scene():
    facts = Facts("cyan", "triangle", "brown", "checkered", "turns")
    small = sprites.clip(facts, seed=2).astype(float)
    large = sprites.clip(facts, seed=2, height=128, width=128).astype(float)
    shrunk = large.reshape(16, 64, 2, 64, 2, 3).mean((2, 4))
    assert abs(shrunk - small).mean() < 1


@pytest.mark.parametrize("pattern", ["striped", "checkered"])
@pytest.mark.parametrize("height, width", [(64, 64), (48, 80)])
def test_patterns_keep_the_mean_and_meet_at_the_edges(pattern, height, width):
    picture = background("gray", pattern, height, width)
    assert np.allclose(picture.mean((0, 1)), 122)
    assert (picture[:, 0] != picture[:, -1]).all()


def test_a_clip_needs_every_fact_and_sound_numbers():
    with pytest.raises(ValueError, match=r"height is 0.*motion is not given"):
        sprites.clip(Facts("red", "circle", "black", "plain"), height=0)


def test_unknown_splits_are_refused():
    with pytest.raises(ValueError, match="split is 'test'"):
        sprites.sample(0, 0, split="test")
