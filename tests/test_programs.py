"""The doors of the programs: mistakes are one message, defects keep their traceback."""

import jax.numpy as jnp
import pytest
from ml_collections import ConfigDict

from vinf_jax import programs

CONFIG = """
from ml_collections import ConfigDict

def get_config():
    return ConfigDict({"steps": 50, "unet": {"channels": (64, 128), "layers": 2}})
"""


@pytest.fixture
def config(tmp_path) -> ConfigDict:
    file = tmp_path / "short.py"
    file.write_text(CONFIG)
    return programs.load_config(file)


def test_unknown_program_is_one_message(capsys):
    assert programs.choose({"evaluate": "judge", "plan": "plan"}, "infer", ["evalute"]) == 2
    message = capsys.readouterr().err
    assert message == (
        "error: no program is called 'evalute'; did you mean evaluate? There are: evaluate, plan\n"
    )


def test_help_lists_programs_by_the_name_they_are_called_with(capsys):
    assert programs.choose({"plan": "what it will cost"}, "vinf_jax.infer", ["--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: vinf-infer NAME")
    assert "plan  what it will cost" in text


def _refuse(argv: list[str]) -> int:
    programs.load_config(argv[0])
    return 0


def _cannot_write(argv: list[str]) -> int:
    raise OSError(f"{argv[0]}: read-only")


def _interrupted(argv: list[str]) -> int:
    raise KeyboardInterrupt


def _defect(argv: list[str]) -> int:
    return int(jnp.ones(3).reshape(2).sum()) if argv == ["jax"] else int(argv[0])


def test_library_errors_are_one_message(capsys):
    assert programs.spoken(_refuse, ["no_such"]) == 2
    assert programs.spoken(_cannot_write, ["out"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: no config is called 'no_such'")
    assert second == "error: out: read-only"


def test_interrupt_is_130(capsys):
    assert programs.spoken(_interrupted, []) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_foreign_value_errors_keep_their_traceback():
    with pytest.raises(ValueError, match="invalid literal"):
        programs.spoken(_defect, ["x"])


def test_errors_with_hidden_jax_frames_are_not_ours():
    hidden = ValueError("shapes")
    hidden.add_note("JAX has removed its internal frames")
    try:
        eval(compile("raise hidden", "x", "exec"), {"__name__": "infer.x", "hidden": hidden})
    except ValueError as error:
        assert not programs.ours(error)
    with pytest.raises(TypeError):
        programs.spoken(_defect, ["jax"])


def test_config_is_found_by_name(config, tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "shipped_configs", lambda: {"short": tmp_path / "short.py"})
    monkeypatch.chdir("/")
    assert programs.load_config("configs/short.py") == config
    assert programs.load_config("short") == config
    with pytest.raises(
        ValueError, match=r"'configs/shrt.py'; did you mean short\? There are: short"
    ):
        programs.load_config("configs/shrt.py")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def x(:", "line 1"),
        ("x = 1", r"has no get_config\(\)"),
        ("get_config = 1", r"has no get_config\(\)"),
        ("\nimport no_such_thing", "line 2: ModuleNotFoundError: No module named 'no_such_thing'"),
        ("def get_config():\n    return nmae", "line 2: NameError: name 'nmae' is not defined"),
        ("def get_config():\n    return int('x')", "line 2: invalid literal"),
        ("def get_config():\n    pass", r"get_config\(\) returns NoneType, not a ConfigDict"),
        ("def get_config(size):\n    pass", r"argument: 'size'; it may .* broken.py:NAME"),
        ("def get_config(*, size):\n    pass", r"argument: 'size'; it may"),
    ],
)
def test_broken_config_is_named(tmp_path, text, message):
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(ValueError, match=rf"broken.py.*{message}"):
        programs.load_config(tmp_path / "broken.py")


def test_a_config_is_a_python_file(tmp_path):
    (tmp_path / "notes.txt").write_text("x = 1")
    with pytest.raises(ValueError, match=r"notes.txt is no Python file; .* ends with .py"):
        programs.load_config(tmp_path / "notes.txt")


def test_override_is_typed_and_leaves_the_original(config):
    changed = programs.override(config, ["--steps", "7", "--unet.channels", "32", "64"])
    assert (changed.steps, changed.unet.channels, changed.unet.layers) == (7, (32, 64), 2)
    assert config.steps == 50


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--unet.chanels", "3"], ["--unet.chanels, 3", "--unet.channels"]),
        (["--unet.layers=two"], ["--unet.layers", "'two'", "INT"]),
    ],
)
def test_override_refuses_with_one_message(config, capsys, argv, said):
    with pytest.raises(SystemExit) as stopped:
        programs.override(config, argv)
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert all(words in message for words in said)
