from fractions import Fraction

import numpy as np
import pytest

from vinf_jax.media import video
from vinf_jax.media.video import VideoWriter, read_video


def clip(frames=9, height=32, width=48):
    """A coloured square on a slope of gray that moves two pixels per frame."""
    slope = np.linspace(40, 200, width, dtype=np.uint8)
    out = np.broadcast_to(slope[None, None, :, None], (frames, height, width, 3)).copy()
    for n, frame in enumerate(out):
        frame[8:20, 2 * n : 2 * n + 12] = (220, 30, 60)
    return out


def written(path, frames, **options):
    with VideoWriter(path, **{"fps": 8, "height": 32, "width": 48} | options) as writer:
        writer.write(frames)
    return path


def test_frames_come_back(tmp_path):
    original = clip()
    path = written(tmp_path / "out" / "clip.mp4", original, scale=4)
    back, fps = read_video(path)
    assert fps == 8
    assert back.dtype == np.uint8 and back.shape == (9, 128, 192, 3)
    centres = back[:, 2::4, 2::4].astype(int)  # the middles of the enlarged pixels
    assert np.abs(centres - original).mean() < 2
    square = [frame[10:18, 2 * n + 2 : 2 * n + 10] for n, frame in enumerate(centres)]
    assert np.abs(np.mean(square, (0, 1, 2)) - (220, 30, 60)).max() < 6
    assert [path.name for path in path.parent.iterdir()] == ["clip.mp4"]


def test_enlarged_pixels_are_squares(tmp_path):
    frame = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.testing.assert_array_equal(video.enlarged(frame, 3), np.kron(frame, np.ones((3, 3, 1))))


def test_chunks_do_not_matter(tmp_path):
    """The same pictures; the bytes were seen to differ on a busy machine."""
    frames = clip()
    once = written(tmp_path / "once.mp4", frames)
    with VideoWriter(tmp_path / "bits.mp4", 8, 32, 48) as writer:
        for start, stop in ((0, 4), (4, 4), (4, 5), (5, 9)):
            writer.write(frames[start:stop])
        assert writer.count == 9
    whole, parts = (read_video(path)[0].astype(int) for path in (once, tmp_path / "bits.mp4"))
    assert np.abs(whole - parts).mean() < 0.5


@pytest.mark.parametrize("fps", [1e300, 5000, 1e-9, float("nan"), float("inf")])
def test_a_rate_that_mp4_does_not_give_back_is_refused(tmp_path, fps):
    with pytest.raises(ValueError, match=r"fps is .*; it must be 0\.001 to 1000"):
        VideoWriter(tmp_path / "a.mp4", fps, 32, 32)


def test_frames_beyond_the_codec_are_refused(tmp_path):
    with pytest.raises(ValueError, match="width is 64 x scale 300 = 19200; give 16384 at most"):
        VideoWriter(tmp_path / "a.mp4", 8, 32, 64, scale=300)
    with pytest.raises(ValueError, match="height is 16386; give 16384 at most"):
        VideoWriter(tmp_path / "a.mp4", 8, 16386, 64)


@pytest.mark.parametrize("fps", [24, 12.5, Fraction(30000, 1001), 29.97])
def test_the_rate_is_kept(tmp_path, fps):
    path = written(tmp_path / "clip.mp4", clip(3), fps=fps)
    assert read_video(path)[1] == pytest.approx(float(fps), rel=1e-4)


def test_frames_one_by_one(tmp_path):
    path = written(tmp_path / "clip.mp4", clip())
    np.testing.assert_array_equal(np.stack(list(video.frames(path))), read_video(path)[0])
    assert next(video.frames(path)).shape == (32, 48, 3)


def test_sizes_that_do_not_fit_are_refused_before_writing(tmp_path):
    path = tmp_path / "out" / "clip.mp4"
    with pytest.raises(ValueError) as caught:
        VideoWriter(path, fps=0, height=5, width=7, scale=3)
    message = str(caught.value)
    assert "fps is 0; it must be 0.001 to 1000" in message
    assert "height is 5 x scale 3 = 15, which is odd" in message
    assert "width is 7 x scale 3 = 21, which is odd" in message and "6 or 8" in message
    with pytest.raises(ValueError, match=r"width is 1, which is odd.*: 2, or an even scale"):
        VideoWriter(path, fps=8, height=2, width=1)
    with pytest.raises(ValueError, match=r"scale is 0.*height is -2"):
        VideoWriter(path, fps=8, height=-2, width=2, scale=0)
    assert list(tmp_path.iterdir()) == []
    written(path, clip(2, 5, 7), height=5, width=7, scale=2)


@pytest.mark.parametrize(
    "wrong", [clip(2)[0], clip(2, 32, 46), clip(2).astype(np.float32), clip(2)[..., :1]]
)
def test_wrong_frames_leave_no_file(tmp_path, wrong):
    with pytest.raises(ValueError, match=r"takes uint8 \(F, 32, 48, 3\)"):
        written(tmp_path / "clip.mp4", wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_midway_leaves_the_old_file(tmp_path):
    path = written(tmp_path / "clip.mp4", clip())
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), VideoWriter(path, 8, 32, 48, overwrite=True) as writer:
        writer.write(clip())
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="no frame was written"):
        written(path, clip(0), overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    written(path, clip(3), overwrite=True)
    assert len(read_video(path)[0]) == 3


def test_an_existing_file_is_refused_at_once(tmp_path):
    path = written(tmp_path / "clip.mp4", clip(2))
    with pytest.raises(FileExistsError, match="--force"):
        VideoWriter(path, fps=8, height=32, width=48)


def test_files_that_are_no_videos(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.mp4: there is no such file"):
        read_video(tmp_path / "nothing.mp4")
    text = tmp_path / "text.mp4"
    text.write_text("not a video\n" * 50)
    with pytest.raises(ValueError, match=r"text\.mp4 cannot be read as a video"):
        next(video.frames(text))
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(written(tmp_path / "clip.mp4", clip()).read_bytes()[:900])
    with pytest.raises(ValueError, match=r"cut\.mp4"):
        read_video(cut)
