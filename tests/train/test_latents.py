"""The latents of text-to-video are made once, and again where anything of them changes."""

import numpy as np
import pytest
from flax import nnx

from train import latents
from vinf_jax.media import sprites
from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.programs import load_config

CHANGES = [
    {"seed": 1},
    {"frames": 3},
    {"size": (16, 24)},
    {"fps": 4},
    {"text_encoder": {"length": 24}},
    {"train_diffusion": {"clips": 3}},
]


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """Makes the bank of a config with these changes, always in the same folder."""
    out = tmp_path_factory.mktemp("run")
    model = AutoencoderKL(
        latent_channels=4, channels=(4,), layers=1, norm_groups=2, rngs=nnx.Rngs(0)
    )

    def made(changes):
        config = load_config("configs/sprites.py")
        config.update({"size": (16, 16), "frames": 2, "train_diffusion": {"clips": 2}})
        config.update(changes)
        return latents.latent_bank(config, out, model)

    return made


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_what_changes_them(bank, changes):
    first, other = bank({}), bank(changes)
    assert not all(np.array_equal(*pair) for pair in zip(first[:2], other[:2], strict=True))


def test_they_are_kept_otherwise_but_not_for_other_words(bank, monkeypatch):
    bank({})
    monkeypatch.setattr(latents.sprites, "sample", None)
    bank({})
    monkeypatch.setattr(sprites, "WORDS", sprites.WORDS[::-1])
    with pytest.raises(TypeError):
        bank({})
