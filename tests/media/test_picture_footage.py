import numpy as np
import pytest
from PIL import Image

from tests.media.tiny_footage import noise, write_pictures
from vinf_jax.media.footage import BadClip
from vinf_jax.media.picture_footage import natural, probe, read


def test_pictures_come_in_natural_order(tmp_path):
    folder = write_pictures(tmp_path / "a", 12, seed=3)
    (folder / "notes.txt").touch()
    (folder / ".hidden.png").touch()
    footage = probe(folder)
    assert (footage.frames, footage.height, footage.width) == (12, 24, 32)
    assert (read(folder, footage, 1, 11) == noise(12, seed=3)[1:]).all()
    assert sorted(["b2", "b10", "b01", "b1", "a"], key=natural) == ["a", "b01", "b1", "b2", "b10"]


def test_other_kinds_of_pictures_become_rgb(tmp_path):
    rgb = noise(1)[0]
    for n, mode in enumerate(("L", "RGBA", "P", "1")):
        Image.fromarray(rgb).convert(mode).save(tmp_path / f"{n}.png")
    pictures = read(tmp_path, probe(tmp_path), 0, 4)
    assert (pictures[0] == pictures[0][..., :1]).all()
    assert (pictures[1] == rgb).all()


def test_pictures_that_lie_have_the_size_they_are_seen_in(tmp_path):
    picture = Image.fromarray(noise(1)[0])
    for n, orientation in enumerate((6, 8)):
        picture.getexif()[274] = orientation
        picture.save(tmp_path / f"{n}.png", exif=picture.getexif())
    footage = probe(tmp_path)
    assert (footage.frames, footage.height, footage.width) == (2, 32, 24)
    upright = [np.rot90(noise(1)[0], turns) for turns in (-1, 1)]
    assert (read(tmp_path, footage, 0, 2) == upright).all()


def test_bad_pictures_are_named(tmp_path):
    with pytest.raises(BadClip, match="holds no pictures"):
        probe(tmp_path)
    with pytest.raises(BadClip, match="cannot be read"):
        probe(tmp_path / "nothing")
    folder = write_pictures(tmp_path / "a", 6)
    footage = probe(folder)
    Image.fromarray(noise(1, 32, 32)[0]).save(folder / "2.png")
    (folder / "3.png").write_bytes((folder / "1.png").read_bytes()[:60])
    (folder / "4.png").write_text("no picture")
    Image.fromarray(np.zeros((24, 32), np.uint16)).save(folder / "5.png")
    for start, reason in (
        (2, "changes in size: 2.png is 32x32, the first 32x24"),
        (3, "3.png cannot be read"),
        (4, "4.png cannot be read: it is no picture or damaged"),
        (5, "5.png has more than 8 bits a channel"),
        (6, "fewer pictures than the 6"),
    ):
        with pytest.raises(BadClip, match=reason):
            read(folder, footage, start, 1)
    assert (read(folder, footage, 0, 2) == noise(6)[:2]).all()


def test_a_damaged_head_is_no_picture(tmp_path):
    folder = write_pictures(tmp_path / "a", 3)
    (folder / "0.png").write_bytes((folder / "0.png").read_bytes()[:8] + b"\0\0\0\5IHDR" + bytes(9))
    with pytest.raises(BadClip, match=r"0\.png cannot be read"):
        probe(folder)
