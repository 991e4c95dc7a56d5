"""A stage that goes on: what must be as it was, and what may change."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from train import curve, stage
from vinf_jax.parallel.mesh import batch_mesh
from vinf_jax.programs import load_config
from vinf_jax.training import state as training
from vinf_jax.training.loop import logged


def config(**changes):
    found = load_config("configs/pvdm_sprites.py")
    found.train_diffusion.update({"steps": 2, "save_every": 2, "rule": "adamw"})
    found.update(changes)
    return found


def trained(folder, config, steps=2, **how):
    """A stage of one number."""
    rule = training.adamw(0.1)
    update = training.updater(
        lambda p, batch, key: ((p["a"] - batch.mean()) ** 2, {}),
        rule,
        decay=0.5,
        key=jax.random.key(0),
    )
    start = training.begin({"a": jnp.zeros(())}, rule, bool(config.train_diffusion.minutes))
    phases = [stage.Phase(steps, lambda step: np.ones((1, 1), np.float32))]
    where = (batch_mesh(1), phases, lambda step, state: None)
    return stage.run(config, config.train_diffusion, folder, update, start, *where, **how)


@pytest.mark.parametrize("changed", [{"seed": 7}, {"fps": 25}, {"prediction": "epsilon"}], ids=str)
def test_a_run_keeps_what_its_numbers_mean(tmp_path, changed):
    folder = tmp_path / "diffusion"
    trained(folder, config())
    ((name, value),) = changed.items()
    said = rf"^config: {name} is '?{value}'?, but .*diffusion was trained with .*another --out$"
    with pytest.raises(ValueError, match=said):
        trained(folder, config(**changed), 4)
    with pytest.raises(ValueError, match=said):
        stage.newest_average(config(**changed), folder, {"a": jnp.zeros(())}, "diffusion")


def test_a_run_keeps_its_data(tmp_path):
    folder = tmp_path / "diffusion"
    made_from = {"clips": "one", "autoencoder": "this"}
    trained(folder, config(), made_from=made_from)
    trained(folder, config(), 3, made_from=made_from)
    with pytest.raises(ValueError, match=r"^data.folder: the clips of sprites are not those that"):
        trained(folder, config(), 4, made_from=made_from | {"clips": "two"})
    with pytest.raises(ValueError, match=r"was trained on latents of another autoencoder"):
        trained(folder, config(), 4, made_from=made_from | {"autoencoder": "that"})


def test_a_timed_run_that_is_over_is_over(tmp_path, monkeypatch):
    folder, now, timed = tmp_path / "diffusion", itertools.count(0.0, 7.0), config()
    timed.train_diffusion.minutes = 1.0
    clock = functools.partial(stage.Clock, now=lambda: next(now))
    monkeypatch.setattr(stage, "Clock", clock)
    first = trained(folder, timed, stage.ENDLESS)
    again = trained(folder, timed, stage.ENDLESS)
    assert 0 < int(first["step"]) == int(again["step"])
    assert float(again["share"]) == 1


def test_a_line_that_a_kill_cut_short_is_dropped(tmp_path):
    folder = tmp_path / "diffusion"
    path = folder / "judge.jsonl"
    stage.log_shares(path, 2, [{"colour": True}])
    with path.open("a") as file:
        file.write('{"step": 4, "col')
    (tmp_path / "autoencoder").mkdir()
    for name in ("autoencoder", "diffusion"):
        (tmp_path / name / "metrics.jsonl").write_text('{"step": 2, "loss": 1, "psnr": 1}\n{"st')
    assert curve.curve(tmp_path).exists()
    stage.log_shares(path, 4, [{"colour": True}, {"colour": False}])
    assert logged(path) == [{"step": 2, "colour": 1.0}, {"step": 4, "colour": 0.5}]


def test_a_run_may_be_changed_otherwise(tmp_path):
    folder = tmp_path / "diffusion"
    trained(folder, config())
    changed = config(placement="cut")
    changed.train_diffusion.update({"rate": 1.0, "batch": 4, "save_every": 1})
    assert int(trained(folder, changed, 3)["step"]) == 3
    note, average = stage.newest_average(changed, folder, {"a": jnp.zeros(())}, "diffusion")
    assert note["steps"] == 3 and average["a"].shape == ()
