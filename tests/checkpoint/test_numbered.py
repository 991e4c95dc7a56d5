import jax
import numpy as np
import pytest

from vinf_jax.checkpoint.numbered import Checkpoints

SHAPES = {"x": jax.ShapeDtypeStruct((3,), np.float32)}


def state(step):
    return {"x": np.full(3, step, np.float32)}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def damage(path):
    next(file for file in path.rglob("*") if file.parent.name == "d").unlink()


def test_old_ones_go_and_the_newest_stay(tmp_path):
    run = Checkpoints(tmp_path / "run", keep=2)
    assert run.latest() is None and run.steps() == []
    for step in (0, 100, 1200):
        run.save(step, state(step), {"loss": step / 2})
    assert names(run.folder) == ["step_00000100", "step_00001200"]
    assert run.latest() == 1200 and run.steps() == [100, 1200]
    np.testing.assert_array_equal(run.load(100, SHAPES)["x"], [100, 100, 100])
    assert run.describe(1200)[1] == {"loss": 600}


def test_broken_ones_do_not_count(tmp_path):
    run = Checkpoints(tmp_path, keep=1)
    run.save(10, state(10))
    damaged = Checkpoints(tmp_path, keep=9)
    damaged.save(20, state(20))
    damage(run.path(20))
    (tmp_path / "step_00000030").mkdir()
    (tmp_path / "step_00000040").write_text("a file")
    (tmp_path / ".step_00000050.unfinished").mkdir()
    assert run.latest() == 10
    run.save(20, state(20))
    assert names(tmp_path) == ["step_00000020", "step_00000030", "step_00000040"]
    assert run.latest() == 20 and run.load(20, SHAPES)["x"][0] == 20


def test_the_newest_whole_one_outlives_later_damage(tmp_path):
    run = Checkpoints(tmp_path, keep=2)
    for step in (1, 2, 3):
        run.save(step, state(step))
    damage(run.path(3))
    run.save(4, state(4))
    assert run.steps() == [2, 4]


def test_a_run_does_not_go_back(tmp_path):
    run = Checkpoints(tmp_path)
    run.save(5, state(5))
    with pytest.raises(ValueError, match=r"step is 4, but .* has come to 5"):
        run.save(4, state(4))
    run.save(5, state(6))
    assert run.load(5, SHAPES)["x"][0] == 6
    with pytest.raises(ValueError, match="step is -1"):
        Checkpoints(tmp_path / "new").save(-1, state(0))


def test_a_failed_save_keeps_the_one_before(tmp_path):
    run = Checkpoints(tmp_path, keep=1)
    run.save(5, state(5))
    with pytest.raises(ValueError, match="empty"):
        run.save(6, {"x": np.ones(0)})
    assert run.latest() == 5 and names(tmp_path) == ["step_00000005"]


def test_something_must_stay(tmp_path):
    with pytest.raises(ValueError, match="keep is 0"):
        Checkpoints(tmp_path, keep=0)
