"""The doors of the programs: choosing one by name, configs from files, errors as one message.

Nothing here imports jax, so that `--help` answers at once.
"""

import argparse
import contextlib
import difflib
import importlib
import importlib.util
import inspect
import keyword
import sys
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from ml_collections import ConfigDict

_LIBRARY = Path(__file__).resolve().parent
_ROOMS = ("vinf_jax.", "infer.", "train.", "convert.", "configs.", "benchmarks.")


class Parser(argparse.ArgumentParser):
    """Says what is wrong as a ValueError, for the one message that a mistake is worth."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} ({self.prog} --help says more)")


def parser(prog: str, description: str | None, notes: str = "") -> Parser:
    """An empty parser of a program; prefixes of flags are not flags."""
    return Parser(prog=prog, description=description, epilog=notes, allow_abbrev=False)


def choose(
    programs: Mapping[str, str], package: str | None, argv: Sequence[str], note: str = ""
) -> int:
    """Runs the program that `argv` names first and returns its exit status.

    `programs` maps names to one line each; a program is the module of that name in `package` (with
    an underscore behind it where Python has taken the name) and has `main(argv) -> int`. A mistake
    on the command line is one message and status 2. `note` ends the help text.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(_listing(programs, package or "", note))
        return 0
    name, *rest = argv
    if name not in programs:
        print(f"error: {_unknown('program', name, programs)}", file=sys.stderr)
        return 2
    module = f".{name}_" if keyword.iskeyword(name) else f".{name}"
    program = importlib.import_module(module, package)
    return spoken(program.main, rest)


def spoken(main: Callable[[list[str]], int], argv: list[str]) -> int:
    """Runs `main(argv)`; what a person can mend becomes one message and status 2.

    That is any OSError, and a ValueError raised in this project's own lines. A ValueError out of
    somebody else's code is a defect here and keeps its traceback. Ctrl-C is status 130.
    """
    try:
        return main(argv)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        if isinstance(error, ValueError) and not ours(error):
            raise
        print(f"error: {plain(str(error))}", file=sys.stderr)
        return 2


def plain(text: str) -> str:
    """A text that may hold names out of files, as a terminal may show it: whatever it would act on
    is escaped, lines stay."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def load_config(path: str | Path) -> ConfigDict:
    """The config that the Python file at `path` describes: what its `get_config()` returns.

    Where no such file exists, a shipped config of the same name is taken, so that
    `configs/sprites.py`, or only `sprites`, means the same outside a checkout. What stands behind a
    colon is given to `get_config`: `configs/pvdm.py:faithful`.

    Raises:
        ValueError: no file and no shipped config has that name, or it is no config: with the line
            in which it fails, if it does.
    """
    name, _, variant = str(path).partition(":")
    file = _config_file(Path(name))
    spec = importlib.util.spec_from_file_location(f"configs.{file.stem}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _telling(file):
        spec.loader.exec_module(module)
    if not callable(get_config := getattr(module, "get_config", None)):
        raise ValueError(f"config {file} has no get_config(); it must return a ConfigDict")
    chosen = [variant] if variant else []
    _refuse_variant(file, inspect.signature(get_config), chosen)
    with _telling(file):
        config = get_config(*chosen)
    if not isinstance(config, ConfigDict):
        kind = type(config).__name__
        raise ValueError(f"config {file}: get_config() returns {kind}, not a ConfigDict")
    return config


def override(config: ConfigDict, argv: Sequence[str], prog: str | None = None) -> ConfigDict:
    """A copy of `config` with the fields that `argv` sets: `--steps 20 --unet.layers=1`.

    Values are read as the type of the default. An unknown field or a value that does not fit is
    one message that names the nearest field, and exit status 2 (SystemExit); `--help` lists all.
    """
    import tyro

    return tyro.cli(ConfigDict, default=config, args=list(argv), prog=prog, use_underscores=True)


def shipped_configs() -> dict[str, Path]:
    """The shipped configs by name: beside it in a checkout, inside it in a wheel."""
    folders = (_LIBRARY / "configs", _LIBRARY.parent / "configs")
    files = [file for folder in folders for file in sorted(folder.glob("*.py"))]
    return {file.stem: file for file in files if file.stem != "__init__"}


def _config_file(path: Path) -> Path:
    if path.is_file() and path.suffix == ".py":
        return path
    shipped = shipped_configs()
    if path.suffix in ("", ".py") and path.stem in shipped:
        return shipped[path.stem]
    if path.is_file():
        raise ValueError(f"config {path} is no Python file; give one whose name ends with .py")
    raise ValueError(_unknown("config", str(path), shipped))


def _refuse_variant(file: Path, wanted: inspect.Signature, chosen: Sequence[str]) -> None:
    """ValueError where `get_config` takes no variant but one is chosen, or needs what is not."""
    if chosen and not wanted.parameters:
        raise ValueError(f"config {file} has no variants; leave out :{chosen[0]}")
    try:
        wanted.bind(*chosen)
    except TypeError as error:
        raise ValueError(
            f"config {file}: get_config{wanted}: {error}; it may take one variant, which is named "
            f"behind a colon: {file.name}:NAME"
        ) from error


@contextlib.contextmanager
def _telling(file: Path) -> Generator[None]:
    """Whatever goes wrong in a config is one message with its line: a person wrote it."""
    try:
        yield
    except SyntaxError as error:
        raise ValueError(f"config {file}, line {error.lineno}: {error.msg}") from error
    except Exception as error:
        frames = traceback.walk_tb(error.__traceback__)
        lines = [line for frame, line in frames if frame.f_code.co_filename == str(file)]
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        where = f", line {lines[-1]}" if lines else ""
        raise ValueError(f"config {file}{where}: {kind}{error}") from error


def _listing(programs: Mapping[str, str], package: str, note: str) -> str:
    inside, _, folder = package.rpartition(".")
    command = f"vinf-{folder}" if inside else f"python -m {folder}"
    width = max(map(len, programs), default=0)
    lines = [f"  {name:<{width}}  {line}" for name, line in programs.items()]
    usage = f"usage: {command} NAME ...   (NAME --help says more)"
    return "\n".join([usage, "", *(lines or ["  no program yet"]), *filter(None, [note])])


def _unknown(kind: str, name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(Path(name).stem, known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ";"
    return f"no {kind} is called {name!r}{hint} There are: {', '.join(known) or 'none yet'}"


def ours(error: BaseException) -> bool:
    """Whether an error was raised by a line of this project, so that its text is meant for people.

    JAX hides its own frames and leaves a note.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    module = frames[-1][0].f_globals.get("__name__", "") + "."
    return module.startswith(_ROOMS) and not getattr(error, "__notes__", ())
