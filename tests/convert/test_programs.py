"""The four programs on the small model: in, out, in again, and proof that nothing was lost."""

import json
import shutil
from io import StringIO

import ml_dtypes
import numpy as np
import pytest

from convert import model
from convert.__main__ import PROGRAMS
from convert.progress import Bar
from convert.statistics import Statistics
from tests.convert import sources
from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.checkpoint.torch_file import open_tensors
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.programs import choose
from vinf_jax.systems.video_infinity import VideoInfinity, folder


def run(*words) -> int:
    return choose(PROGRAMS, "convert", [str(word) for word in words])


@pytest.fixture(scope="module")
def arrays():
    return sources.drawn(sources.SMALL)


@pytest.fixture(scope="module")
def tensors(arrays):
    return sources.lvdm(arrays, sources.SMALL)


@pytest.fixture(scope="module")
def checkpoint(tensors, tmp_path_factory):
    return sources.write_lvdm(tmp_path_factory.mktemp("lvdm") / "model.ckpt", tensors)


@pytest.fixture(scope="module")
def imported(checkpoint, tmp_path_factory):
    """The lvdm checkpoint as a model folder, with a vocabulary from a flag."""
    root = tmp_path_factory.mktemp("imported")
    sources.write_vocabulary(root / "tokenizer")
    flags = ("--vocabulary", root / "tokenizer")
    assert run("import", checkpoint, root / "model", *flags) == 0
    return root / "model"


@pytest.fixture(scope="module")
def exported(imported, tmp_path_factory):
    """That folder in both layouts."""
    root = tmp_path_factory.mktemp("exported")
    files = {"lvdm": root / "model.safetensors", "diffusers": root / "folder"}
    for layout, path in files.items():
        assert run("export", imported, path, "--layout", layout) == 0
    return files


@pytest.fixture
def text(arrays, tmp_path):
    """The text tower alone, for tests of flags."""
    file = tmp_path / "source" / "text.safetensors"
    file.parent.mkdir()
    write_safetensors(
        file, sources.named(arrays, sources.DIFFUSERS, "text_encoder", of=sources.SMALL)
    )
    return file


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for name, x in wanted.items():
        stored = found[name]
        assert stored.dtype == x.dtype
        assert np.array_equal(stored, x), name


def count(tensors, prefix):
    return sum(name.startswith(prefix) for name in tensors)


def test_import_stores_every_number(imported, arrays):
    assert_equal(folder.arrays(imported), arrays)


def test_report_lies_beside_the_weights(imported, tensors):
    report = folder.read_report(imported)
    everything = [*report["read"], *report["kept"]]
    assert sorted(everything) == sorted(tensors)
    assert report["filled"]["autoencoder"]["tensors"] == count(tensors, "first_stage")
    assert report["filled"]["unet"]["nan"] == 0 and report["filled"]["unet"]["largest"] > 3
    assert report["schedule"]["agree"] and report["dtype"] == "as in the source"
    assert report["not_tensors"] == ["epoch", "global_step"]


def test_a_full_checkpoint_comes_back_whole(exported, tensors):
    assert_equal(open_tensors(exported["lvdm"]), tensors)


def test_everything_survives_the_other_layout(exported, tensors, tmp_path):
    """lvdm, ours, diffusers and lvdm again: the folder carries what it has no use for."""
    assert run("export", exported["diffusers"], tmp_path / "m.safetensors", "--layout", "lvdm") == 0
    assert_equal(open_tensors(tmp_path / "m.safetensors"), tensors)


def test_exports_read_back(imported, exported, arrays):
    ours = model.read(imported)
    for path in exported.values():
        made = model.read(path)
        assert_equal(made.arrays, arrays)
        assert made.arguments == sources.SMALL == ours.arguments
        assert made.schedule == ours.schedule and made.settings == ours.settings
    assert model.read(exported["diffusers"]).vocabulary == ours.vocabulary != {}


def test_configs_are_the_public_ones(exported):
    """What the public configs say, field by field, and no tensor that a class does not know."""
    for part, wanted in sources.configs(sources.SMALL).items():
        inside = exported["diffusers"] / sources.FOLDERS[part]
        config = json.loads((inside / "config.json").read_text())
        assert {name: config[name] for name in wanted if wanted[name] is not None} == {
            name: value for name, value in wanted.items() if value is not None
        }
        (file,) = inside.glob("*.safetensors")
        assert open_tensors(file).metadata["format"] == "pt"
    index = json.loads((exported["diffusers"] / "model_index.json").read_text())
    assert index["vae"] == ["diffusers", "AutoencoderKL"]
    assert index["unet"][1] == "UNet3DVideoCrafterConditionModel"


def test_verify_agrees(checkpoint, imported, exported, capsys):
    for pair in [(checkpoint, imported), (imported, exported["lvdm"])]:
        assert run("verify", *pair) == 0
        said = capsys.readouterr().out
        assert "unet: " in said and "of both" in said and "agree, bit for bit" in said
    assert run("verify", checkpoint, exported["diffusers"]) == 0


@pytest.mark.parametrize(
    ("file", "field", "value", "said"),
    [
        ("scheduler/scheduler_config.json", "prediction_type", "v_prediction", "'epsilon' and 'v'"),
        ("vae/config.json", "scaling_factor", 0.13, "0.18215 and 0.13"),
    ],
)
def test_verify_compares_how_models_are_sampled(
    file, field, value, said, exported, tmp_path, capsys
):
    other = shutil.copytree(exported["diffusers"], tmp_path / "other")
    config = json.loads((other / file).read_text())
    (other / file).write_text(json.dumps(config | {field: value}))
    assert run("verify", exported["diffusers"], other) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if "differs: " in line]
    assert len(lines) == 1 and lines[0].endswith(f" is {said}")


@pytest.mark.parametrize("value", [float("inf"), float("nan"), True, 0, "1", 10**400])
def test_a_scale_that_is_no_number_is_refused(value, exported, tmp_path, capsys):
    vae = shutil.copytree(exported["diffusers"] / "vae", tmp_path / "vae")
    config = json.loads((vae / "config.json").read_text())
    (vae / "config.json").write_text(json.dumps(config | {"scaling_factor": value}))
    assert run("import", vae, tmp_path / "m") == 2
    said = capsys.readouterr().err
    assert "scaling_factor" in said and "finite number above 0" in said
    assert not (tmp_path / "m").exists()


def test_verify_finds_one_number(imported, tensors, tmp_path, capsys):
    name = "model.diffusion_model.middle_block.1.proj_out.bias"
    changed = tensors[name].copy()
    changed[3] = np.nextafter(changed[3], np.float32(9))
    other = tensors | {name: changed}
    del other["cond_stage_model.model.text_projection"]
    del other["betas"]
    file = sources.write_lvdm(tmp_path / "model.ckpt", other)
    assert run("verify", file, imported) == 1
    said = capsys.readouterr().out
    assert "differs: unet.mid_block.attentions.0.proj_out.bias by up to" in said
    assert "text_projection, which is kept, is in" in said and "betas, which" in said
    assert said.count("differs: ") == 3


def test_inspect_tells_what_is_there(checkpoint, tensors, imported, capsys):
    assert run("inspect", checkpoint) == 0
    said = capsys.readouterr().out
    for words in (
        "layout: lvdm",
        "zip, in state_dict",
        "epoch, global_step",
        f"lvdm_unet3d: {count(tensors, 'model.')} tensors",
        "float32, max |x|",
        "all finite",
        "├─ first_stage_model",
        "it can be imported",
    ):
        assert words in said, words
    assert run("inspect", imported) == 0
    said = capsys.readouterr().out
    assert "model folder of this project" in said and "kept          27 tensors" in said


def test_inspect_shows_what_cannot_be_imported(tmp_path, capsys):
    x = np.array([1, np.nan, np.inf, -7], np.float16)
    write_safetensors(tmp_path / "x.safetensors", {"motion_modules.x": x, "a\x1b[2J.b": x})
    assert run("inspect", tmp_path / "x.safetensors") == 0
    said = capsys.readouterr().out
    assert "AnimateDiff" in said and "not supported" in said
    assert "2 NaN and 2 infinite" in said and "max |x| 7" in said
    assert "\x1b" not in said


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16, np.float16])
def test_import_rounds_once(dtype, text, arrays, tmp_path, capsys):
    name = np.dtype(dtype).name
    assert run("import", text, tmp_path / "m", "--dtype", name) == 0
    stored = folder.arrays(tmp_path / "m")
    assert all(np.array_equal(stored[n], arrays[n].astype(dtype)) for n in stored)
    assert "without unet and autoencoder" in capsys.readouterr().out
    assert run("verify", text, tmp_path / "m") == 0
    assert ("after rounding" in capsys.readouterr().out) == (dtype != np.float32)


def test_numbers_too_large_for_the_dtype_are_refused(arrays, tmp_path, capsys):
    large = sources.named(arrays, sources.DIFFUSERS, "text_encoder", of=sources.SMALL)
    large["final_layer_norm.bias"] = np.full(16, 7e4, np.float32)
    write_safetensors(tmp_path / "text.safetensors", large)
    assert run("import", tmp_path / "text.safetensors", tmp_path / "m", "--dtype", "float16") == 2
    said = capsys.readouterr().err
    assert "text_encoder.ln_final.bias holds 7e+04" in said and "choose bfloat16" in said
    assert [path.name for path in tmp_path.iterdir()] == ["text.safetensors"]


def test_an_interrupted_import_leaves_nothing(text, tmp_path, capsys, monkeypatch):
    def stop(self, name, x):
        raise KeyboardInterrupt

    monkeypatch.setattr(Statistics, "add", stop)
    assert run("import", text, tmp_path / "m") == 130
    assert capsys.readouterr().err.endswith("stopped\n")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("layout", ["lvdm", "diffusers"])
def test_an_interrupted_export_leaves_the_old_one(layout, text, tmp_path, monkeypatch):
    target = tmp_path / "m.safetensors"
    assert run("export", text, target, "--layout", "lvdm") == 0
    old = target.read_bytes()

    def stop(self, name, size):
        raise KeyboardInterrupt

    monkeypatch.setattr("convert.progress.Bar.__call__", stop)
    assert run("export", text, target, "--layout", layout, "--force") == 130
    assert target.read_bytes() == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.safetensors", "source"]


def test_nothing_is_replaced_without_force(text, tmp_path, capsys):
    for program, *flags in (["import"], ["export", "--layout", "diffusers"]):
        words = [program, text, tmp_path / program, *flags]
        assert run(*words) == 0
        assert run(*words) == 2
        said = f"error: {tmp_path / program} exists; --force replaces it\n"
        assert capsys.readouterr().err == said
        assert run(*words, "--force") == 0
    assert run("export", text, text, "--layout", "lvdm", "--force") == 2
    assert "is what is read" in capsys.readouterr().err


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["import", "s/text.safetensors", "s"], "s holds s/text.safetensors, which is read"),
        (["import", "s", "s/new"], "s/new lies in s, which is read"),
        (["import", "s", "s/../s/inner"], "s/../s/inner lies in s, which is read"),
        (["import", "s/text.safetensors", "link"], "link holds s/text.safetensors"),
        (["import", "s", "mine"], "mine holds a/b.txt and 1 more, which this program did not"),
        (["import", "s", "model"], "model holds precious.txt, which this program did not write"),
        (["import", "s", "theirs"], "theirs holds checkpoint.json, which this program did not"),
        (["export", "s", "mine", "--layout", "diffusers"], "mine holds a/b.txt and 1 more"),
        (["export", "s", "public", "--layout", "diffusers"], "public holds text_encoder/model.s"),
        (["export", "s", "model", "--layout", "diffusers"], "model holds _CHECKPOINT_METADATA and"),
        (["export", "s", "folder", "--layout", "diffusers"], "folder holds precious.txt, which"),
        (["import", "s", "mine/c.txt"], "mine/c.txt is a file that this program did not write"),
        (["import", "s", "torn"], "torn holds thesis.tex, which this program did not write"),
        (["export", "s", "own.safetensors", "--layout", "lvdm"], "own.safetensors is a file that"),
    ],
)
def test_force_replaces_only_what_the_program_wrote(
    words, said, text, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    text.parent.rename("s")
    (tmp_path / "link").symlink_to("s")
    for name in ("mine/a/b.txt", "mine/c.txt", "theirs/checkpoint.json", "s/inner/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn/checkpoint.json").write_text("")
    (tmp_path / "torn/thesis.tex").write_text("mine")
    write_safetensors("own.safetensors", {"x": np.ones(1, np.float32)})
    if "model" in words:
        assert run("import", "s", "model") == 0
        (tmp_path / "model" / "precious.txt").write_text("mine")
    if "folder" in words:
        assert run("export", "s", "folder", "--layout", "diffusers") == 0
        (tmp_path / "folder" / "precious.txt").write_text("mine")
    if "public" in words:
        (tmp_path / "public" / "text_encoder").mkdir(parents=True)
        write_safetensors("public/text_encoder/model.safetensors", {"x": np.ones(1, np.float32)})
    before = contents(tmp_path)
    assert run(*words, "--force") == 2
    assert f"error: {said}" in capsys.readouterr().err
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inspect", "nowhere"], "nowhere does not exist; give a lvdm checkpoint"),
        (["import", "empty", "m"], "empty holds nothing that can be read: no weights named"),
        (["import", "text.txt", "m"], "text.txt cannot be read: it is neither a file of torch"),
        (["import", "two", "m"], "holds several checkpoints (a.ckpt, b.ckpt); give one of them"),
        (["export", "nowhere", "m", "--layout", "lvdm"], "name it m.safetensors"),
        (["export", "nowhere", "m"], "the following arguments are required: --layout"),
        (["verify", "nowhere", "nowhere"], "nowhere does not exist"),
        (["import", "text.txt", "m", "--dtype", "int8"], "invalid choice: 'int8'"),
    ],
)
def test_mistakes_are_one_message(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    (tmp_path / "two").mkdir()
    for name in "ab":
        (tmp_path / "two" / f"{name}.ckpt").touch()
    assert run(*words) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and said in err


def test_a_signal_scale_that_was_not_kept_is_written(imported, tmp_path):
    there = VideoInfinity.load(imported)
    there.save(tmp_path / "again")
    assert model.read(tmp_path / "again").schedule == Schedule.videocrafter2()
    for layout, name in (("lvdm", "m.safetensors"), ("diffusers", "m")):
        assert run("export", tmp_path / "again", tmp_path / name, "--layout", layout) == 0
        assert model.read(tmp_path / name).schedule == Schedule.videocrafter2()


def test_an_export_to_lvdm_says_its_schedule_in_a_folder_too(imported, tmp_path):
    note = json.loads((imported / "checkpoint.json").read_text())
    shutil.copytree(imported, tmp_path / "v")
    note["metadata"]["settings"]["prediction"] = "v"
    (tmp_path / "v/checkpoint.json").write_text(json.dumps(note))
    (tmp_path / "out").mkdir()
    target = tmp_path / "out/model.safetensors"
    assert run("export", tmp_path / "v", target, "--layout", "lvdm") == 0
    for path in (target, target.parent):
        assert model.read(path).settings.prediction == "v"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (("settings", "height"), "a"),
        (("tokenizer",), 5),
        (("tokenizer",), {"wurds": []}),
        (("settings", "scope"), {"preset": "video_infinity", "local": [1]}),
    ],
)
def test_a_strange_note_is_one_message(field, value, imported, tmp_path, capsys):
    shutil.copytree(imported, tmp_path / "m")
    note = json.loads((imported / "checkpoint.json").read_text())
    inner = note["metadata"]
    for name in field[:-1]:
        inner = inner[name]
    inner[field[-1]] = value
    (tmp_path / "m/checkpoint.json").write_text(json.dumps(note))
    assert run("inspect", tmp_path / "m") == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"files": {"x": 5}, "arrays": {}, "metadata": {}}']
)
def test_a_strange_description_is_one_message(text, tmp_path, capsys):
    (tmp_path / "checkpoint.json").write_text(text)
    (tmp_path / "x").touch()
    assert run("inspect", tmp_path) == 2
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["x[/y]", "\x1b]0;pwn\x07\x1b[2J", "\ud800"])
def test_names_are_shown_and_not_obeyed(name, tmp_path, capsys, monkeypatch):
    header = {name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    file = tmp_path / "m.safetensors"
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    assert run("inspect", file) == 0
    assert run("import", file, tmp_path / "out") == 2
    said = capsys.readouterr()
    assert not {"\x1b", "\x07", "\ud800"} & set(said.out + said.err)
    stream = StringIO()
    stream.isatty = lambda: True
    with Bar(name, 4, stream) as bar:
        bar(name, 4)


def test_a_config_beside_a_file_of_another_layout_is_not_its_own(checkpoint, tmp_path):
    path = tmp_path / "model.ckpt"
    path.symlink_to(checkpoint)
    plain = model.read(path).arguments
    (tmp_path / "config.json").write_text('{"hidden_act": "gelu", "num_attention_heads": 1}')
    assert model.read(path).arguments == plain
