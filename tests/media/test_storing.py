import json

import numpy as np
import pytest

from tests.media.tiny_footage import write_video
from vinf_jax.media.clips import open_clips
from vinf_jax.media.loader import batches
from vinf_jax.media.storing import store


@pytest.fixture
def clips(tmp_path):
    """Videos of 150, 9 and 6 frames."""
    for n, frames in enumerate((150, 9, 6)):
        write_video(tmp_path / "data" / f"{n}.avi", frames, seed=n)
    return open_clips("videos", tmp_path / "data", frames=7, size=16, split="all", shortest=4)


ASK = {"frames": 7, "size": 16, "split": "all", "shortest": 4}


def test_stored_clips_are_the_clips(tmp_path, clips):
    path, done = tmp_path / "out" / "clips.npy", []
    assert store(path, clips, done=done.append) == {}
    assert done == [1, 2, 3]
    assert np.load(path, mmap_mode="r").shape == (165, 16, 16, 3)
    stored = open_clips("array", path, **ASK)
    assert stored.digest == clips.digest
    a, b = (next(batches(each, batch=12, seed=3)) for each in (clips, stored))
    assert (a[0] == b[0]).all() and a[1] == b[1]
    assert len(open_clips("array", path, **ASK | {"shortest": 7})) == 2


def test_a_small_disk_takes_the_first_frames(tmp_path, clips):
    store(tmp_path / "a.npy", clips, longest=8)
    stored = open_clips("array", tmp_path / "a.npy", **ASK)
    assert stored.lengths == (8, 8, 6)
    assert (stored.clip(0, 1) == clips.clip(0, 1)).all()
    with pytest.raises(ValueError, match="longest is 3; clips need 4"):
        store(tmp_path / "b.npy", clips, longest=3)


def test_what_breaks_while_it_is_stored_is_left_out(tmp_path, clips):
    (tmp_path / "data" / "1.avi").write_text("broken")
    assert list(store(tmp_path / "a.npy", clips)) == ["1.avi"]
    stored = open_clips("array", tmp_path / "a.npy", **ASK)
    assert stored.names == ("0.avi", "2.avi") and list(stored.troubles) == ["1.avi"]
    assert (stored.clip(1, 0) == clips.clip(2, 0)).all()
    for n in (0, 2):
        (tmp_path / "data" / f"{n}.avi").unlink()
    with pytest.raises(ValueError, match=r"no clip can be read: .*2\.avi"):
        store(tmp_path / "b.npy", clips)
    assert not list(tmp_path.glob("*b.*"))


def test_files_that_do_not_belong_together(tmp_path, clips):
    path, index = tmp_path / "a.npy", tmp_path / "a.json"
    store(path, clips)
    with pytest.raises(ValueError, match="holds split all, not train and size 16, not 8"):
        open_clips("array", path, frames=7, size=8)
    with pytest.raises(FileExistsError):
        store(path, clips)
    with pytest.raises(ValueError, match=r"should end in \.npy"):
        store(tmp_path / "a.bin", clips)
    frames = np.load(path)
    np.save(path, frames[::-1])
    with pytest.raises(ValueError, match="do not belong together"):
        open_clips("array", path, **ASK)
    np.save(path, frames.astype(np.float32))
    with pytest.raises(ValueError, match="it should be uint8"):
        open_clips("array", path, **ASK)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read as an array"):
        open_clips("array", path, **ASK)
    index.write_text(json.dumps({"format": "another"}))
    with pytest.raises(ValueError, match="is no index"):
        open_clips("array", path, **ASK)
    index.unlink()
    with pytest.raises(ValueError, match=r"needs its index a\.json beside it"):
        open_clips("array", path, **ASK)
