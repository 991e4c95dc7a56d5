"""What a record says, and the names of the files that a run leaves."""

from pathlib import Path

import vinf_jax
from infer.outputs import Outputs, of_seeds
from infer.record import digest, of_run, versions


def test_versions_name_what_matters():
    found = versions()
    assert found["vinf_jax"] == vinf_jax.__version__
    assert all(found[name] for name in ("python", "jax", "flax", "numpy", "orbax-checkpoint"))


def test_digest_follows_names_and_contents(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"1")
    first = digest(tmp_path)
    (tmp_path / "a" / "x").write_bytes(b"2")
    second = digest(tmp_path)
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    assert len({first, second, digest(tmp_path)}) == 3
    (tmp_path / "a" / "y").rename(tmp_path / "a" / "x")
    assert digest(tmp_path) == second


def test_a_command_can_be_given_to_a_shell(tmp_path):
    found = of_run("evaluate", ["video", "my file.mp4", "--prompts", "it's red"], None)
    assert found["command"] == (
        "python -m infer evaluate video 'my file.mp4' --prompts 'it'\"'\"'s red'"
    )
    assert found["weights"] is None


def test_several_seeds_have_files_of_their_own():
    assert of_seeds(Path("out/a.mp4"), [7]) == {7: Outputs(Path("out/a.mp4"))}
    files = of_seeds(Path("out/a.mp4"), [0, 12])
    assert [str(path) for path in files[12].all] == [
        "out/a-seed12.mp4",
        "out/a-seed12.png",
        "out/a-seed12.json",
    ]
    assert str(files[0].preview) == "out/a-seed0.preview.png"
