"""Segments become one video without being encoded again."""

import itertools

import numpy as np
import pytest

from vinf_jax.media import video_footage
from vinf_jax.media.segments import join
from vinf_jax.media.video import VideoWriter, read_video


def written(path, frames, fps=8, **options):
    with VideoWriter(path, fps, *frames.shape[1:3], **options) as video:
        video.write(frames)
    return path


def moving(frames, seed=0):
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 255, (16, 16, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    return np.stack([np.roll(picture, 3 * n, 1) for n in range(frames)])


@pytest.mark.parametrize("fps", [8, 29.97])
def test_pictures_are_those_of_the_segments(tmp_path, fps):
    frames, cuts = moving(36), [0, 1, 3, 20, 21, 36]
    parts = [written(tmp_path / f"{a}.mp4", frames[a:b], fps) for a, b in itertools.pairwise(cuts)]
    assert join(parts, tmp_path / "all.mp4", fps) == 36
    joined, rate = read_video(tmp_path / "all.mp4")
    assert rate == pytest.approx(fps, rel=1e-4)
    assert (joined == np.concatenate([read_video(part)[0] for part in parts])).all()
    footage = video_footage.probe(tmp_path / "all.mp4")
    assert footage.frames == 36 and isinstance(footage.stamps, range)
    for n in (0, 2, 19, 20, 35):
        assert (video_footage.read(tmp_path / "all.mp4", footage, n, 1)[0] == joined[n]).all()


def test_equal_segments_make_equal_files(tmp_path):
    frames = moving(9)
    for name in "ab":
        parts = [written(tmp_path / f"{name}{n}.mp4", frames[n : n + 3]) for n in (0, 3, 6)]
        join(parts, tmp_path / f"{name}.mp4", 8)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_what_cannot_be_joined_leaves_no_file(tmp_path):
    small = written(tmp_path / "small.mp4", moving(3))
    large = written(tmp_path / "large.mp4", moving(3), scale=2)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(small.read_bytes()[:2000])
    for parts, said in [
        ([], "no segments"),
        ([small, large], "large.mp4 was encoded otherwise than .*small.mp4"),
        ([small, broken], r"broken\.mp4 (cannot be read|is damaged)"),
    ]:
        with pytest.raises(ValueError, match=said):
            join(parts, tmp_path / "all.mp4", 8)
    assert not (tmp_path / "all.mp4").exists() and not list(tmp_path.glob(".*"))
