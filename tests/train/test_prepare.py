import numpy as np

from tests.media.tiny_footage import write_video
from train.prepare import main
from vinf_jax.media.clips import open_clips
from vinf_jax.programs import spoken


def test_a_data_set_becomes_an_array(tmp_path, capsys):
    write_video(tmp_path / "data" / "train" / "0.avi", 9)
    write_video(tmp_path / "data" / "train" / "1.avi", 3)
    write_video(tmp_path / "data" / "test" / "2.avi", 9)
    out = tmp_path / "out" / "clips.npy"
    argv = [str(out), "--kind", "videos", "--folder", str(tmp_path / "data")]
    argv += ["--size", "16", "--shortest", "4"]
    assert spoken(main, argv) == 0
    said = capsys.readouterr()
    assert "left out: train/1.avi: has 3 frames; 4 or more are needed" in said.out
    assert "1 of 1 videos" in said.err
    ask = {"frames": 4, "size": 16}
    files, stored = open_clips("videos", tmp_path / "data", **ask), open_clips("array", out, **ask)
    assert stored.names == ("train/0.avi",)
    assert (stored.clip(0, 5) == files.clip(0, 5)).all()
    assert spoken(main, argv) == 2
    assert "--force" in capsys.readouterr().err
    assert spoken(main, [*argv, "--force", "--split", "test"]) == 0
    assert np.load(out).shape == (9, 16, 16, 3)


def test_fewer_workers_than_none(tmp_path, capsys):
    argv = [str(tmp_path / "a.npy"), "--kind", "sprites", "--size", "8", "--workers", "-1"]
    assert spoken(main, argv) == 2
    assert capsys.readouterr().err == "error: workers: -1; give 0 for none, or how many processes\n"
    assert not list(tmp_path.iterdir())


def test_too_little_room_is_said_before_anything_is_decoded(tmp_path, capsys):
    argv = [str(tmp_path / "a.npy"), "--kind", "sprites", "--size", "10000000"]
    assert spoken(main, argv) == 2
    assert "GB are free" in capsys.readouterr().err
