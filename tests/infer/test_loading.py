"""What a config and flags make of a folder of weights."""

import jax.numpy as jnp
import pytest

from infer.loading import dtype_on, loaded
from infer.options import add_model, config_of, parser
from tests.clip_vocabulary import write_openclip
from vinf_jax.diffusion.samplers import DDIM
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.nn.parameters import flat
from vinf_jax.programs import load_config
from vinf_jax.systems.video_infinity import SCHEDULES, Settings
from vinf_jax.systems.video_infinity.settings import make_sampler

CONFIG = """
from ml_collections import ConfigDict

def get_config():
    config = ConfigDict({"schedule": "videocrafter2", "dtype": {"cpu": "bfloat16"}})
    config.settings = ConfigDict({"steps": 7, "scope": {"preset": "base"}})
    return config
"""


@pytest.fixture
def options(weights, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(CONFIG)
    to = parser("x", "")
    add_model(to)

    def parse(*words, config=file):
        return to.parse_args(["--weights", str(weights), "--config", str(config), *words])

    return parse


def dtypes(model):
    return {x.dtype for x in flat(model.unet).values()}


def test_a_config_replaces_what_the_folder_says(options, model):
    mine = loaded(options(), 1, [])
    assert mine.schedule == Schedule.videocrafter2() != model.schedule
    assert mine.settings.steps == 7 and mine.settings.scope == {"preset": "base"}
    assert mine.settings.latent_scale == model.settings.latent_scale
    assert dtypes(mine) == {jnp.dtype("bfloat16")}


def test_a_config_without_wishes_leaves_the_folder_s_own(options, model):
    own = loaded(options(config="sprites"), 1, [])
    assert own.schedule == model.schedule and own.settings == model.settings
    assert dtypes(own) == {jnp.dtype("float32")}


def test_flags_win(options, tmp_path):
    assert dtypes(loaded(options("--dtype", "float32"), 1, [])) == {jnp.dtype("float32")}
    vocabulary = write_openclip(tmp_path / "bpe.txt.gz")
    with pytest.raises(ValueError, match=r"asked; weights: .*tokenizer: its vocabulary is"):
        loaded(options("--tokenizer", str(vocabulary)), 1, ["asked"])


def test_settings_have_flags_of_their_own(options):
    with pytest.raises(ValueError, match=r"settings\.steps: 3; give --steps 3"):
        config_of(options(), ["--settings.steps", "3"])


@pytest.mark.parametrize("name", ["videocrafter2", "videocrafter2_native"])
def test_shipped_configs_of_large_models(name):
    config = load_config(name)
    settings = Settings(**config.settings.to_dict())
    assert (settings.height, settings.width, settings.latent_scale) == (320, 512, 0.18215)
    schedule = SCHEDULES[config.schedule]()
    sampler = make_sampler(settings.sampler, schedule, settings.steps, settings.karras)
    assert len(sampler.times) == settings.steps and sampler.stochastic
    assert [dtype_on(config, platform) for platform in ("gpu", "cpu")] == ["bfloat16", "float32"]
    if name == "videocrafter2_native":
        assert sampler == DDIM(Schedule.videocrafter2(), 50)
    else:
        assert schedule.signal_scale is None and sampler.times[-1] == 33
