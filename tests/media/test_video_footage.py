import av
import numpy as np
import pytest

from tests.media.tiny_footage import noise, write_video
from vinf_jax.media import video_footage
from vinf_jax.media.footage import BadClip, Footage
from vinf_jax.media.video import read_video
from vinf_jax.media.video_footage import probe, read

FILES = {
    "xvid.avi": {"codec": "mpeg4", "g": "7"},
    "b_frames.mp4": {"codec": "libx264", "g": "9", "bf": "3", "x264-params": "open-gop=1"},
    "uneven.mkv": {"codec": "mpeg4", "g": "7", "ticks": tuple(n + n // 3 for n in range(40))},
}


@pytest.mark.parametrize("name", FILES)
def test_any_start_gives_the_frames_of_the_whole(tmp_path, name, monkeypatch):
    path = write_video(tmp_path / name, 40, **FILES[name])
    footage = probe(path)
    whole = read(path, footage, 0, 40)
    assert footage.frames == 40
    assert len(np.unique(whole.reshape(40, -1), axis=0)) == 40
    assert Footage.from_json(footage.to_json()) == footage
    for start in (0, 5, 16, 36):
        assert (read(path, footage, start, 4) == whole[start : start + 4]).all()
    monkeypatch.setattr(video_footage, "_counted", None)
    for start in (17, 25, 34):
        assert (read(path, footage, start, 4) == whole[start : start + 4]).all()


def test_times_that_lie_do_not_matter(tmp_path):
    path = write_video(tmp_path / "a.avi", 30)
    whole = read(path, probe(path), 0, 30)
    for stamps in ((), range(5, 35), range(0, 60, 2), (*range(29), 99)):
        assert (read(path, Footage(30, 24, 32, stamps), 20, 8) == whole[20:28]).all()


def test_a_file_that_promises_more_gives_its_last_frames(tmp_path):
    path = write_video(tmp_path / "a.avi", 10)
    whole = read(path, probe(path), 0, 10)
    assert (read(path, Footage(12, 24, 32), 7, 5) == whole[5:]).all()
    with pytest.raises(BadClip, match="ends after 10 frames, where 12 were promised"):
        read(path, Footage(12, 24, 32), 0, 11)


def test_what_is_no_video(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("not a video\n" * 50)
    empty = tmp_path / "empty.avi"
    empty.touch()
    whole = write_video(tmp_path / "whole.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 3])
    for path in (text, empty, cut, tmp_path / "nothing.avi", tmp_path):
        with pytest.raises(BadClip, match="cannot be decoded"):
            probe(path)


def test_a_file_cut_short_has_the_frames_that_it_has(tmp_path):
    path = write_video(tmp_path / "whole.mkv", 20, g="1")
    whole = read(path, probe(path), 0, 20)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    count = probe(cut).frames
    assert 2 < count < 19
    assert (read(cut, probe(cut), 0, count - 1) == whole[: count - 1]).all()


def test_a_change_of_size_is_named(tmp_path):
    first = write_video(tmp_path / "1.m4v", 5, form="m4v").read_bytes()
    second = write_video(tmp_path / "2.m4v", 5, form="m4v", sides=(32, 48)).read_bytes()
    path = tmp_path / "both.m4v"
    path.write_bytes(first + second)
    with pytest.raises(BadClip, match="changes in size: frame 5 is 48x32, the first 32x24"):
        read(path, probe(path), 0, 10)


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv"])
def test_a_title_in_another_alphabet_does_no_harm(tmp_path, name):
    path = tmp_path / name
    with av.open(str(path), "w") as file:
        file.metadata["title"] = "CafXX"
        stream = file.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 24, 32, "yuv420p"
        for picture in noise(6):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    data = path.read_bytes()
    assert b"CafXX" in data
    path.write_bytes(data.replace(b"CafXX", b"Caf\xe9 "))
    assert read(path, probe(path), 0, 6).shape == (6, 24, 32, 3)
    assert read_video(path)[0].shape == (6, 24, 32, 3)
