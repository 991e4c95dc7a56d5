"""What a config and flags make of a folder of weights."""

import jax.numpy as jnp
import pytest

from infer.blueprint import blueprint
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


def test_a_tokenizer_that_is_not_there_is_no_matter_of_weights(options):
    with pytest.raises(ValueError, match=r"^asked; tokenizer /nope cannot be read") as caught:
        loaded(options("--tokenizer", "/nope"), 1, ["asked"])
    assert "--tokenizer takes a folder with vocab.json" in str(caught.value)
    assert "weights" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("schedule='scaled_linaer'", "schedule is 'scaled_linaer'; give one of scaled_linear, vid"),
        ("schedule=['ddpm']", "schedule is .'ddpm'.; give one of scaled_linear, vid"),
        ("dtype='float32'", "dtype is 'float32'; give one for each platform"),
        ("dtype=dict(cpu='flaot32')", "dtype.cpu is 'flaot32'; give one of float32, bfloat16"),
        ("settings=5", "settings is 5; give a ConfigDict"),
        ("settings=dict(stpes=5)", "settings has stpes; there are latent_scale, prediction"),
    ],
)
def test_what_a_config_cannot_wish_is_named(options, tmp_path, field, said):
    file = tmp_path / "wrong.py"
    head = "from ml_collections import ConfigDict\n\ndef get_config():\n"
    file.write_text(f"{head}    return ConfigDict(dict({field}))\n")
    with pytest.raises(ValueError, match=f"^asked; config: {said}"):
        loaded(options(config=file), 1, ["asked"])
    with pytest.raises(ValueError, match=f"config: {said}"):
        blueprint(options(config=file), "cpu")


def test_wishes_that_do_not_fit_are_said_at_once(options, tmp_path):
    file = tmp_path / "wrong.py"
    file.write_text(CONFIG.replace("videocrafter2", "no_such").replace("bfloat16", "bfloat61"))
    with pytest.raises(ValueError, match=r"dtype\.cpu is .*; config: schedule .*; tokenizer /nope"):
        loaded(options("--tokenizer", "/nope", config=file), 1, [])


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
