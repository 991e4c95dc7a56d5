import pytest

from vinf_jax.media.target import check_target, replacing


def entries(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_a_target_appears_whole(tmp_path):
    target = tmp_path / "new" / "deep" / "x.txt"
    with replacing(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        temporary.write_text("whole")
    assert target.read_text() == "whole"
    assert entries(target.parent) == ["x.txt"]


def test_a_failure_leaves_what_was_there(tmp_path):
    target = tmp_path / "x.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target, overwrite=True) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert entries(tmp_path) == ["x.txt"]
    with replacing(target, overwrite=True) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_checking_leaves_nothing_behind(tmp_path):
    assert check_target(tmp_path / "a" / "b.txt") == tmp_path / "a" / "b.txt"
    assert entries(tmp_path) == []


def test_an_existing_file_stays(tmp_path):
    target = tmp_path / "x.txt"
    target.write_text("old")
    with pytest.raises(FileExistsError, match=r"x\.txt exists; --force"):
        check_target(target)
    target.unlink()
    with pytest.raises(FileExistsError, match="--force"), replacing(target) as temporary:
        temporary.write_text("mine")
        target.write_text("somebody else's")
    assert target.read_text() == "somebody else's"
    assert entries(tmp_path) == ["x.txt"]


def test_folders_that_cannot_be_written(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match="file is a file, not a folder"):
        check_target(file / "x.txt")
    with pytest.raises(OSError, match="is a folder; name a file"):
        check_target(tmp_path, overwrite=True)

    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(OSError, match=f"folder {tmp_path}: Permission denied"):
        check_target(tmp_path / "new" / "x.txt")
