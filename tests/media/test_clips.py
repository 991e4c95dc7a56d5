import json

import numpy as np
import pytest
from PIL import Image

from tests.media.tiny_footage import noise, write_pictures, write_video
from vinf_jax.media import sprites
from vinf_jax.media.clips import open_clips
from vinf_jax.media.square import squared


@pytest.fixture
def folder(tmp_path):
    """Folders of 20, 7 and 3 pictures."""
    for name, count in (("long", 20), ("mid", 7), ("short", 3)):
        write_pictures(tmp_path / "data" / name, count)
    return tmp_path / "data"


def test_a_clip_is_consecutive_frames_as_squares(folder):
    clips = open_clips("frames", folder, frames=5, size=12, split="all")
    assert (clips.names, clips.lengths) == (("long", "mid"), (20, 7))
    assert [clips.starts(n) for n in range(len(clips))] == [16, 3]
    assert (clips.clip(0, 15) == squared(noise(20)[15:], 12)).all()
    assert dict(clips.troubles) == {"short": "has 3 frames; 5 or more are needed"}
    with pytest.raises(IndexError, match="mid has 3 starts"):
        clips.clip(1, 3)


def test_short_videos_get_black_frames_in_front(folder):
    clips = open_clips("frames", folder, frames=8, size=24, split="all", shortest=4)
    assert clips.names == ("long", "mid")
    assert [clips.starts(n) for n in range(len(clips))] == [13, 4]
    clip = clips.clip(1, 3)
    assert clip.shape == (8, 24, 24, 3)
    assert not clip[:4].any()
    assert (clip[4:] == squared(noise(7)[3:], 24)).all()


def test_refused_with_every_name(folder):
    (folder / "broken").mkdir()
    (folder / "broken" / "0.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"2 clips cannot be used.*broken: 0.png cannot.*short:"):
        open_clips("frames", folder, frames=5, size=12, split="all", on_bad="refuse")
    with pytest.raises(ValueError, match=r"there is no clip\..*long: has 20 frames"):
        open_clips("frames", folder, frames=50, size=12, split="all")


def test_what_cannot_be_opened_is_one_message(tmp_path):
    with pytest.raises(ValueError, match=r"kind is 'video'.*did you mean videos") as error:
        open_clips(
            "video", tmp_path / "no", frames=0, size=0, split="dev", shortest=3, on_bad="cry"
        )
    for field in ("split is 'dev'", "on_bad", "frames is 0", "size is 0", "shortest", "no such"):
        assert field in str(error.value)
    with pytest.raises(ValueError, match="is a file, not a folder"):
        file = tmp_path / "a.mp4"
        file.touch()
        open_clips("videos", file, frames=1, size=8)


def test_files_are_looked_into_once(tmp_path):
    folder, scanned = tmp_path / "data", tmp_path / "run" / "scan.json"
    ask = {"frames": 4, "size": 8, "split": "all", "scanned": scanned}
    for n in range(3):
        write_video(folder / f"{n}.avi", 6 + n)
    (folder / "3.avi").write_text("no video")
    first = open_clips("videos", folder, **ask)
    assert first.lengths == (6, 7, 8)
    said = json.loads(scanned.read_text())
    said["clips"]["0.avi"]["frames"] = 5
    scanned.write_text(json.dumps(said))
    write_video(folder / "1.avi", 12)
    again = open_clips("videos", folder, **ask)
    assert again.lengths == (5, 12, 8)
    assert again.troubles == first.troubles == {"3.avi": first.troubles["3.avi"]}
    assert again.digest != first.digest
    for text in ("{", "{}"):
        scanned.write_text(text)
        with pytest.raises(ValueError, match="remove it"):
            open_clips("videos", folder, **ask)


def test_pictures_written_anew_in_their_place_are_looked_into(tmp_path):
    folder, scanned = tmp_path / "data", tmp_path / "scan.json"
    ask = {"frames": 2, "size": 8, "split": "all", "scanned": scanned}
    write_pictures(folder / "a", 4)
    assert open_clips("frames", folder, **ask).clip(0, 0).any()
    for n in range(4):
        Image.new("RGB", (16, 40)).save(folder / "a" / f"{n}.png")
    assert not open_clips("frames", folder, **ask).clip(0, 0).any()


def test_sprites_keep_held_out_facts_for_tests():
    train, test, both = (
        open_clips("sprites", None, frames=3, size=16, split=split)
        for split in ("train", "test", "all")
    )
    assert len(train) + len(test) == len(both)
    sizes = {"frames": 3, "height": 16, "width": 16}
    assert (train.clip(5, 0) == sprites.sample(0, 5, **sizes)[2]).all()
    assert (test.clip(5, 0) == sprites.sample(0, 5, split="held_out", **sizes)[2]).all()
    assert (both.clip(len(train) + 5, 0) == test.clip(5, 0)).all()
    assert test.clip(0, 0).dtype == np.uint8
