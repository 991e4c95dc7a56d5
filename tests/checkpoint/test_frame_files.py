"""Arrays of numbered frames in several files."""

import numpy as np
import pytest

from vinf_jax.checkpoint import frame_files
from vinf_jax.checkpoint.frame_files import FrameFiles


def test_frames_come_back_by_number_and_later_files_count(tmp_path):
    frames = np.arange(24, dtype=np.float32).reshape(8, 3)
    frame_files.write(tmp_path / "f" / "a.safetensors", [0, 1, 2, 5], frames[:4])
    frame_files.write(tmp_path / "f" / "b.safetensors", range(5, 9), frames[4:])
    files = FrameFiles()
    for name in ("a", "b"):
        files.add(tmp_path / "f" / f"{name}.safetensors")
    assert (files([8, 0, 5]) == frames[[7, 0, 4]]).all()
    assert 2 in files and 3 not in files
    with pytest.raises(ValueError, match="2 frames are in no file, the first is 3"):
        files([3, 4, 5])


def test_only_some_of_a_file_may_count(tmp_path):
    frame_files.write(tmp_path / "a.safetensors", range(4), np.ones((4, 2), np.float32))
    files = FrameFiles()
    files.add(tmp_path / "a.safetensors", among={1, 2})
    assert [n for n in range(5) if n in files] == [1, 2]


def test_other_files_are_refused(tmp_path):
    from vinf_jax.checkpoint.safetensors_file import write_safetensors

    write_safetensors(tmp_path / "a.safetensors", {"x": np.ones(2, np.float32)})
    with pytest.raises(ValueError, match="holds no numbered frames, but x"):
        FrameFiles().add(tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="3 numbers for 2 frames"):
        frame_files.write(tmp_path / "b.safetensors", range(3), np.ones((2, 2), np.float32))
