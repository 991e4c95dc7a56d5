"""What is kept of the recorded comparisons: enough to make their tables again."""

import json
import tarfile
from pathlib import Path

import jax
import pytest

from benchmarks.methods_pack import main
from infer import compare
from infer.benchmark import CHECKOUT

METHODS = CHECKOUT / "benchmarks/methods"
RECORDS = sorted({path.parent for path in METHODS.rglob("videos-*.tar.xz")})


def test_an_archive_holds_all_but_frames_and_names_no_place_of_this_machine(tmp_path, capsys):
    made = tmp_path / "made/64/base"
    made.mkdir(parents=True)
    record = {"weights": {"folder": str(CHECKOUT / "vinf_jax/weights/sprites"), "sha256": "0"}}
    (made / "000-seed0.json").write_text(json.dumps(record))
    for name in ("000-seed0.measures.json", "000-seed0.windows.npy", "000-seed0.npz"):
        (made / name).write_bytes(name.encode())
    (made / "001-seed0.npz").write_bytes(b"not measured yet")
    contents = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        assert main([str(tmp_path / "made"), str(folder)]) == 0
        contents.append((folder / "videos-64.tar.xz").read_bytes())
    assert contents[0] == contents[1] and "64.tar.xz: 1 videos" in capsys.readouterr().out
    unpacked = _unpacked(tmp_path / "one", tmp_path / "again") / "64/base"
    assert sorted(path.name for path in unpacked.iterdir()) == [
        "000-seed0.json",
        "000-seed0.measures.json",
        "000-seed0.windows.npy",
    ]
    assert (unpacked / "000-seed0.windows.npy").read_bytes() == b"000-seed0.windows.npy"
    again = json.loads((unpacked / "000-seed0.json").read_text())
    assert again["weights"] == {"folder": "vinf_jax/weights/sprites", "sha256": "0"}


@pytest.mark.parametrize("folder", RECORDS, ids=lambda folder: folder.name)
def test_the_recorded_table_is_made_of_the_archives(folder, tmp_path, capsys):
    out = _unpacked(folder, tmp_path / "out")
    assert compare.main(["--out", str(out), "--no-mp4"]) == 0
    capsys.readouterr()
    recorded, again = (
        jax.tree.flatten(json.loads((place / "results.json").read_text())["lengths"])
        for place in (folder, out)
    )
    assert again[1] == recorded[1]
    for one, other in zip(again[0], recorded[0], strict=True):
        assert one == (
            other if isinstance(other, str) else pytest.approx(other, rel=1e-4, abs=1e-6)
        )


def test_a_folder_without_measured_videos_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path), str(tmp_path)])
    assert f"{tmp_path} holds no measured video" in capsys.readouterr().err


def _unpacked(folder: Path, to: Path) -> Path:
    for file in folder.glob("videos-*.tar.xz"):
        with tarfile.open(file) as archive:
            archive.extractall(to, filter="data")
    return to
