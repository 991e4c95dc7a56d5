"""Nothing is overwritten without --force, and nothing but a model ever."""

import pytest

from train import pvdm_autoencoder, pvdm_diffusion, text_to_video
from train.destination import destination
from vinf_jax.checkpoint.claim import Claim
from vinf_jax.programs import spoken

CONFIGS = {
    pvdm_autoencoder: "pvdm_sprites",
    pvdm_diffusion: "pvdm_sprites",
    text_to_video: "sprites",
}


@pytest.mark.parametrize("program", CONFIGS, ids=lambda program: program.__name__)
@pytest.mark.parametrize("flags", [[], ["--force"]])
def test_a_folder_of_something_else_is_refused_before_training(tmp_path, capsys, program, flags):
    photos, run = tmp_path / "photos", tmp_path / "run"
    photos.mkdir()
    (photos / "one.jpg").touch()
    command = ["--config", CONFIGS[program], "--out", str(run), "--weights", str(photos)]
    assert spoken(program.main, [*command, *flags]) == 2
    assert "photos exists and is no model folder" in capsys.readouterr().err
    assert (photos / "one.jpg").exists() and not run.exists()


@pytest.mark.parametrize("program", CONFIGS, ids=lambda program: program.__name__)
def test_a_run_is_worked_on_by_one_command(tmp_path, capsys, program):
    command = ["--config", CONFIGS[program], "--out", str(tmp_path), "--stages", "export"]
    with Claim(tmp_path):
        assert spoken(program.main, command) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path} is being worked on by process ")
    assert said.endswith("; wait for it, or stop it\n")


def test_a_model_is_replaced_with_force_only_and_the_own_one_always(tmp_path):
    model = tmp_path / "model"
    assert destination(model, tmp_path / "own", False) == model
    model.mkdir()
    (model / "checkpoint.json").touch()
    with pytest.raises(ValueError, match=r"^weights: .*model exists; --force replaces it"):
        destination(model, tmp_path / "own", False)
    assert destination(model, tmp_path / "own", True) == model
    assert destination(None, model, False) == model
