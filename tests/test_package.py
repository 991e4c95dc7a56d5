"""What a user meets first: the command line, and what the wheel would install."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import vinf_jax
from convert.__main__ import PROGRAMS as CONVERT
from infer.__main__ import PROGRAMS as INFER
from train.__main__ import PROGRAMS as TRAIN

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {"infer": INFER, "train": TRAIN, "convert": CONVERT}
HELPS = [(folder, *name) for folder in PROGRAMS for name in [(), *zip(PROGRAMS[folder])]]
PROBE = """
import runpy, sys
sys.argv[1:] = {argv}
try:
    runpy.run_module({folder!r}, run_name="__main__")
except SystemExit as stopped:
    assert not stopped.code, stopped.code
heavy = {{"jax", "flax", "orbax", "av", "tensorstore"}} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _python(*argv: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *argv], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_help_imports_nothing_heavy(words):
    folder, *name = words
    done = _python("-c", PROBE.format(folder=folder, argv=[*name, "--help"]))
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


@pytest.mark.parametrize("folder", PROGRAMS)
def test_unknown_program_exits_2(folder):
    done = _python("-m", folder, "no_such_program")
    assert done.returncode == 2
    assert re.fullmatch(r"error: no program is called 'no_such_program'.*\n", done.stderr)


@pytest.mark.parametrize("folder", PROGRAMS)
def test_old_python_is_refused_in_one_line(folder):
    """The first lines are what a Python that is too old reads: nothing newer than Python 2."""
    text = (ROOT / folder / "__main__.py").read_text()
    assert text.isascii()
    early = text[: text.index("from vinf_jax")]
    done = _python("-c", f"import sys; sys.version_info = (3, 10)\n{early}")
    assert done.returncode == 2
    assert re.fullmatch(r"error: vinf_jax needs Python 3\.11 or newer.*\n", done.stderr)


def test_wheel_holds_every_package_and_no_general_name(project):
    setuptools = project["tool"]["setuptools"]
    rooms = {_package(file.parent) for file in (ROOT / "vinf_jax").rglob("*.py")}
    beside = {f"vinf_jax.{folder}": folder for folder in (*PROGRAMS, "configs")}
    assert set(setuptools["packages"]) == rooms | set(beside)
    assert setuptools["package-dir"] == {"vinf_jax": "vinf_jax"} | beside
    assert all((ROOT / _folder(name, beside)).is_dir() for name in setuptools["packages"])


def test_every_room_is_a_package():
    rooms = {file.parent for file in (ROOT / "vinf_jax").rglob("*.py")}
    assert sorted(str(room) for room in rooms if not (room / "__init__.py").exists()) == []


def test_shipped_weights_are_package_data(project):
    (pattern,) = project["tool"]["setuptools"]["package-data"]["vinf_jax"]
    shipped = {file for file in (ROOT / "vinf_jax" / "weights").rglob("*") if file.is_file()}
    assert set((ROOT / "vinf_jax").glob(pattern)) >= shipped
    assert not [file for file in shipped if file.name.startswith(".")]


def test_console_scripts_lead_to_the_programs(project):
    assert project["project"]["scripts"] == {
        f"vinf-{folder}": f"vinf_jax.{folder}.__main__:main" for folder in PROGRAMS
    }


def test_version_is_said_once(project):
    assert project["project"]["version"] == vinf_jax.__version__


def test_pins_name_no_address():
    """Names, versions and markers: anybody's package index serves them."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert len(lines) > 30
    assert all(
        re.fullmatch(r"[a-z0-9-]+==[0-9.]+( ; [A-Za-z_ <>=!'0-9.]+)?", line) for line in lines
    )


def _package(folder: Path) -> str:
    return ".".join(folder.relative_to(ROOT).parts)


def _folder(name: str, beside: dict[str, str]) -> str:
    return beside.get(name, name.replace(".", os.sep))


def test_make_clean_leaves_what_was_made():
    recipe = re.search(r"^clean:\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe and not {"out", "runs", "weights"} & set(re.split(r"[\s/]+", recipe[1]))
