"""A config that does not fit is one line before anything is trained, with status 2."""

import pytest

from train import pvdm_autoencoder, pvdm_diffusion, text_to_video
from vinf_jax.programs import spoken

OWN = {pvdm_autoencoder: "pvdm_sprites", pvdm_diffusion: "pvdm_sprites", text_to_video: "sprites"}
BOTH, ALL = (pvdm_autoencoder, pvdm_diffusion), tuple(OWN)
WRONG = [
    (ALL, "--devices 0", "devices: 0; give 1 to 8, as many as there are"),
    (ALL, "--devices 9", "devices: 9; give 1 to 8"),
    (BOTH, "--placement foo", "placement: 'foo'; give one of whole, cut"),
    (BOTH, "--dtype.cpu floaty", "dtype.cpu: 'floaty'; give one of float32, "),
    (BOTH, "--autoencoder.patch 0", "autoencoder.patch: 0; give 1 or more pixels"),
    (BOTH, "--data.workers -1", "data.workers: -1; give 0 for none"),
    (BOTH, "--config sprites", "it is for another program, without data, placement"),
    (BOTH[:1], "--train_autoencoder.turn 0", "train_autoencoder.turn: 0; give 1 or more"),
    (BOTH[:1], "--train_autoencoder.save_every 0", "save_every: 0; give 1 or more"),
    (BOTH[1:], "--train_diffusion.save_every 0", "save_every: 0; give 1 or more"),
    (BOTH[1:], "--train_diffusion.batch 0", "batch: 0; give 1 or more"),
    (ALL[2:], "--train_diffusion.save_every 0", "train_diffusion.save_every: 0; give 1 or more"),
    (ALL[2:], "--train_autoencoder.batch 0", "train_autoencoder.batch: 0; give 1 or more"),
    (ALL[2:], "--config pvdm", "without text_encoder; give --config configs/sprites.py"),
    (ALL, "--prediction foo", "prediction: 'foo'"),
    (ALL, "--generation.steps 0", "steps"),
    (ALL, "--seed -1", "seed: -1; give 0 or more"),
    (BOTH, "--fps 16", "fps: 16, but the sprites are drawn at 8"),
    (BOTH[:1], "--train_autoencoder.rate -1", "train_autoencoder.rate: -1.0; give a finite"),
    (BOTH[:1], "--size 60", "autoencoder: "),
    (BOTH[1:], "--train_diffusion.warmup -1", "train_diffusion.warmup: -1; give 0 or more"),
    (BOTH[1:], "--train_diffusion.conditional 30", "conditional: 30.0; give 0 or more, 1 at most"),
    (BOTH[1:], "--train_diffusion.clips -5", "train_diffusion.clips: -5; give 0 or more"),
    (BOTH[1:], "--train_diffusion.shown -1", "train_diffusion.shown: -1; give 0 or more"),
    (BOTH[1:], "--train_diffusion.blend 1.7", "blend: 1.7; give 0 or more, 1 at most"),
    (BOTH[1:], "--train_diffusion.condition_shift -1", "condition_shift: -1.0; give 0 or more"),
    (BOTH[1:], "--data.kind videos", "train_diffusion.blend: 1.0, but only sprites can be drawn"),
    (BOTH[:1], "--data.kind videos", "telling: 0.05, but only sprites can be drawn in another"),
    (BOTH[:1], "--train_autoencoder.batch 3", "batch: 3; pairs of sprites need an even number"),
    (BOTH[:1], "--autoencoder.latent_channels 6", "need a multiple of 4 autoencoder.latent_ch"),
    (BOTH[1:], "--unet.heads 3", "unet: "),
    (ALL[2:], "--size 60 60", "size: (60, 60); give multiples of 8, as latents are"),
    (ALL[2:], "--unet.norm_groups 7", "unet and text_encoder: "),
    (BOTH, "--generation.candidates 0", "candidates: 0; give 1 or more"),
    (ALL[2:], "--generation.sampler foo", "sampler: 'foo'; give one of dpmsolver++"),
    (ALL[2:], "--generation.scope.preset foo", "no preset is called 'foo'"),
    (ALL[2:], "--stages foo", "argument --stages: invalid choice: 'foo'"),
]
CASES = [(program, *rest) for programs, *rest in WRONG for program in programs]


@pytest.mark.parametrize(("program", "flags", "said"), CASES)
def test_what_does_not_fit(tmp_path, capsys, program, flags, said):
    command = ["--config", OWN[program], "--out", str(tmp_path / "run"), *flags.split()]
    assert spoken(program.main, command) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and said in error
    assert not (tmp_path / "run").exists()


def test_a_config_that_lacks_a_field_says_which(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(
        "from configs import pvdm_sprites\n\n"
        "def get_config():\n"
        "    config = pvdm_sprites.get_config()\n"
        "    del config.prediction\n"
        "    return config\n"
    )
    command = ["--config", str(path), "--out", str(tmp_path / "run")]
    assert spoken(pvdm_diffusion.main, command) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: config: it lacks a field: ") and "prediction" in error
