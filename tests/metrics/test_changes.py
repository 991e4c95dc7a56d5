"""Seams, flicker and motion, of videos whose right score is known."""

import numpy as np
import pytest

from tests.tolerances import EXACT, FP64
from vinf_jax.media.captions import parse
from vinf_jax.media.sprites import clip
from vinf_jax.metrics.changes import FLOOR, flicker, motion, seams, steps

MOVES = clip(parse("a red square moves right over a plain black background"), frames=48)
JOINS = (16, 32)


def frozen(frames=48):
    return MOVES[:1].repeat(frames, axis=0)


def looped():
    return np.concatenate([MOVES[:16]] * 3)


def shuffled():
    return MOVES[np.random.default_rng(0).permutation(len(MOVES))]


def cut():
    return np.concatenate([MOVES[:16], MOVES[20:36], MOVES[:16]])


def flickering():
    """Every second frame is 8 levels lighter."""
    video = frozen() // 2
    video[1::2] += 8
    return video


def test_a_still_video_has_nothing():
    assert seams(frozen(), JOINS) == 1
    assert flicker(frozen()) == motion(frozen()) == 0


def test_a_video_without_joins_does_not_show_them():
    assert 0.8 < seams(MOVES, JOINS) < 1.25
    assert flicker(MOVES) < 0.05 * motion(MOVES)
    assert motion(MOVES) == pytest.approx(np.mean(list(steps(MOVES).values())), rel=0.1)


@pytest.mark.parametrize("video", [looped(), cut()], ids=["looped", "cut"])
def test_what_is_cut_or_looped_at_its_joins_shows_them(video):
    assert seams(video, JOINS) > 2
    assert seams(video, (10, 26)) < 1, "elsewhere there is none"
    assert flicker(video) < 0.1 * motion(video), "a cut is no flicker"


def test_the_seam_score_is_the_ratio_of_changes():
    video = np.zeros((6, 2, 2, 3), np.uint8)
    video[1:] += 2  # a change of 2 at frame 1, of 30 at frame 3, else none
    video[3:] += 30
    assert seams(video, [3]) == pytest.approx((30 + FLOOR) / (2 / 4 + FLOOR), abs=FP64)
    assert seams(video, [3], [(2, 6)]) == pytest.approx((30 + FLOOR) / FLOOR, abs=FP64)


def test_no_join_or_nothing_else_is_no_score():
    assert seams(MOVES, ()) is None and seams(MOVES, (0, 48)) is None
    assert seams(MOVES, JOINS, [(0, 16), (16, 48)]) is not None
    assert seams(MOVES, JOINS, [(0, 16), (16, 32)]) is None, "its only join begins a part"
    assert seams(MOVES[:2], [1]) is None


def test_frames_in_an_order_of_chance_flicker_and_do_not_move():
    assert flicker(shuffled()) > 20 * flicker(MOVES)
    assert motion(shuffled()) < 0.1 * np.mean(list(steps(shuffled()).values()))


def test_flicker_is_no_motion():
    assert flicker(flickering()) == pytest.approx(8, abs=EXACT)
    assert motion(flickering()) == 0


def test_noise_is_no_motion():
    noise = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    assert motion(noise) < 0.03 * flicker(noise)
    assert flicker(noise) == pytest.approx(256 / 6, rel=0.03)  # a third of the range of three


def test_a_slow_change_of_light_is_motion_and_no_flicker():
    fades = np.arange(40, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 8, 8, 3), np.uint8)
    assert flicker(fades) == 0 and motion(fades) == 1 and seams(fades, JOINS) == 1


def test_changes_between_parts_do_not_count():
    both = np.concatenate([frozen(10), 255 - frozen(10)])
    assert list(steps(both, [(0, 10), (10, 20)]).values()) == [0] * 18
    assert motion(both) > 5 and motion(both, [(0, 10), (10, 20)]) == 0
    assert motion(both, [(0, 2)]) is None and flicker(both, [(5, 5)]) is None


def test_what_cannot_be_measured_is_said():
    with pytest.raises(ValueError, match=r"float64 of shape \(4, 2, 2, 3\); uint8"):
        flicker(np.zeros((4, 2, 2, 3)))
    with pytest.raises(ValueError, match=r"\(40, 49\) is no range of a video of 48 frames"):
        seams(MOVES, JOINS, [(0, 40), (40, 49)])
