"""What people bring, at the size and rate of a job."""

import numpy as np
import pytest
from PIL import Image

from vinf_jax.media.material import fitted, material
from vinf_jax.media.video import VideoWriter


def film(path, frames=12, fps=24, side=32):
    """Frame n has brightness 10 n."""
    with VideoWriter(path, fps, side, side) as video:
        levels = 10 * np.arange(frames, dtype=np.uint8)
        video.write(np.broadcast_to(levels[:, None, None, None], (frames, side, side, 3)).copy())
    return path


@pytest.mark.parametrize("fps", [0, float("inf"), float("nan")])
def test_a_rate_that_is_none_is_refused(tmp_path, fps):
    with pytest.raises(ValueError, match=r"cannot be read at fps .*; give a finite number above 0"):
        material(tmp_path / "a.mp4", fps, 32, 32)


@pytest.mark.parametrize(
    ("fps", "wanted"), [(24, range(12)), (8, [0, 3, 6, 9]), (48, [n // 2 for n in range(1, 24)])]
)
def test_a_video_is_read_at_the_rate_asked_for(tmp_path, fps, wanted):
    found = material(film(tmp_path / "a.mp4"), fps, 32, 32)
    assert found.frames == len(wanted)
    levels = found.read(0, found.frames).mean((1, 2, 3))
    assert np.abs(levels - 10 * np.array(wanted)).max() < 3
    assert (found.read(2, 2) == found.read(0, 4)[2:]).all()


@pytest.mark.parametrize(
    ("source", "frames", "fps", "wanted"), [(25, 126, 12, 61), (50, 251, 12, 61), (25, 125, 12, 60)]
)
def test_no_frame_is_lost_to_rounding(tmp_path, source, frames, fps, wanted):
    """Frame 125 at 25 a second is frame 60 at 12, exactly."""
    path = film(tmp_path / "a.mp4", frames, source, side=16)
    assert material(path, fps, 16, 16).frames == wanted


def test_proportions_stay_and_whole_factors_are_means():
    picture = np.zeros((1, 40, 80, 3), np.uint8)
    picture[:, :, 20:60] = 255
    assert (fitted(picture, 20, 20) == 255).all()
    assert (fitted(picture, 20, 40)[0, :, :, 0] == picture[0, ::2, ::2, 0]).all()
    assert fitted(picture, 27, 30).shape == (1, 27, 30, 3)
    assert (fitted(picture, 40, 80) == picture).all()


def test_pictures_come_upright(tmp_path):
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[0] = 255
    turned = Image.fromarray(picture)
    turned.getexif()[274] = 6  # to be turned to the right before it is looked at
    (tmp_path / "some").mkdir()
    for path in (tmp_path / "a.png", tmp_path / "some" / "1.png"):
        turned.save(path, exif=turned.getexif())
    for path in (tmp_path / "a.png", tmp_path / "some"):
        found = material(path, 8, 8, 8)
        assert found.frames == 1
        assert (found.read(0, 1)[0] == np.rot90(picture, -1)).all()


def test_what_cannot_be_shown_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    (tmp_path / "a.png").write_bytes(b"no picture")
    for name in ("none.mp4", "a.mp4", "a.png"):
        with pytest.raises(ValueError, match=name):
            material(tmp_path / name, 8, 8, 8)
    with pytest.raises(ValueError, match="has 12 frames at this rate; not 10 to 13"):
        material(film(tmp_path / "b.mp4"), 24, 8, 8).read(10, 4)
