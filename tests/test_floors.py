"""Imports run down the floors of the house, or stay out: read from syntax trees, lazy ones too."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

FLOORS = {
    "convert": 7,
    "train": 7,
    "infer": 7,
    "vinf_jax.programs": 6,  # the programs' door: nothing in the library knows it
    "vinf_jax.systems": 5,
    "vinf_jax.models": 4,
    "vinf_jax.metrics": 4,
    "vinf_jax.nn": 3,
    "vinf_jax.training": 3,
    "vinf_jax.parallel": 2,
    "vinf_jax.diffusion": 2,
    "vinf_jax.checkpoint": 2,
    "vinf_jax.media": 2,
    "vinf_jax.types": 1,
    "vinf_jax": 0,  # only the version
    "configs": 0,
}
PROGRAMS = ("convert", "train", "infer")
STRANGERS_INSIDE = ("vinf_jax.models", "vinf_jax.systems")
SOURCES = ("vinf_jax", *PROGRAMS, "configs", "tests")
NAMELESS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
LOADERS_THAT_EXECUTE = {
    f"{module}.{name}"
    for module in ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "torch")
    for name in ("load", "loads", "Unpickler")
}


def sources() -> dict[str, ast.Module]:
    """Every Python file of the repository by its dotted name."""
    files = [file for folder in SOURCES for file in sorted((ROOT / folder).rglob("*.py"))]
    return {_dotted(file): ast.parse(file.read_text(), str(file)) for file in files}


def _dotted(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str | None:
    """The entry of FLOORS that `module` belongs to, None for foreign modules."""
    parts = module.split(".")
    if parts[0] not in ("vinf_jax", *PROGRAMS, "configs"):
        return None
    return ".".join(parts[:2]) if parts[0] == "vinf_jax" else parts[0]


def imports(name: str, tree: ast.Module, modules: set[str]) -> Iterator[str]:
    """Dotted names of everything that module `name` imports, anywhere in its text."""
    package = name if _is_package(name, modules) else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, package)
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield inner if inner in modules or inner in FLOORS else origin
        elif isinstance(node, ast.Call) and _spelling(node.func).endswith(
            ("import_module", "__import__")
        ):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def _is_package(name: str, modules: set[str]) -> bool:
    return any(other.startswith(f"{name}.") for other in modules)


def _origin(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)


def _spelling(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute, "" of anything else."""
    if isinstance(node, ast.Attribute):
        return f"{_spelling(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def programs_of(folder: str, trees: dict[str, ast.Module]) -> set[str]:
    """The names in the PROGRAMS table of a program folder."""
    tree = trees.get(f"{folder}.__main__", ast.Module([], []))
    tables = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and _spelling(node.targets[0]) == "PROGRAMS"
    ]
    return {key for table in tables for key in ast.literal_eval(table)}


def import_troubles(trees: dict[str, ast.Module]) -> list[str]:
    """Every import that does not run down, one line each."""
    modules = set(trees)
    return [
        f"{name} imports {target}: {trouble}"
        for name, tree in trees.items()
        if room(name) is not None
        for target in imports(name, tree, modules)
        if (trouble := _trouble(name, target, trees))
    ]


def _trouble(name: str, target: str, trees: dict[str, ast.Module]) -> str | None:
    here, there = room(name), room(target)
    if here == "configs":
        fits = target.split(".")[0] == "ml_collections"
        return None if fits else "configs import ml_collections only"
    if there is None:
        return None
    if there not in FLOORS or here not in FLOORS:
        return f"the floors do not list {there if there not in FLOORS else here}"
    if here != there:
        above = FLOORS[there] >= FLOORS[here] or there == "configs"
        return "imports run down or stay out" if above else None
    return _trouble_inside(name, target, here, trees)


def _trouble_inside(name: str, target: str, here: str, trees: dict[str, ast.Module]) -> str | None:
    if name == target or target == here:
        return None
    if here in STRANGERS_INSIDE:
        same_package = name.split(".")[2] == target.split(".")[2]
        return None if same_package else f"strangers live in {here}"
    if here in PROGRAMS and target.split(".")[1].rstrip("_") in programs_of(here, trees):
        return "programs never import each other"
    return None


def shard_maps(trees: dict[str, ast.Module]) -> list[str]:
    """Modules that mention shard_map, once for each call, import or reference."""
    return [
        name
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == "shard_map")
        or (isinstance(node, ast.Name) and node.id == "shard_map")
        or (isinstance(node, ast.alias) and node.name.split(".")[-1] == "shard_map")
    ]


def executing_loads(trees: dict[str, ast.Module]) -> list[str]:
    """Calls that would run code out of a file: pickles, and torch or numpy files with pickles."""
    return [
        f"{name}, line {node.lineno}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if _executes(node)
    ]


def _executes(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return any(f"{node.module}.{alias.name}" in LOADERS_THAT_EXECUTE for alias in node.names)
    if not isinstance(node, ast.Call):
        return False
    pickles = any(
        keyword.arg == "allow_pickle"
        and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
        for keyword in node.keywords
    )
    return pickles or (_spelling(node.func) in LOADERS_THAT_EXECUTE and not _weights_only(node))


def _weights_only(call: ast.Call) -> bool:
    """torch.load with its own allow-list, said in so many words."""
    said = {keyword.arg: keyword.value for keyword in call.keywords}.get("weights_only")
    return (
        _spelling(call.func) == "torch.load"
        and isinstance(said, ast.Constant)
        and said.value is True
    )


def nameless(names: set[str]) -> list[str]:
    """Modules and folders whose name says nothing."""
    return sorted(
        name
        for name in names
        if any(
            set(part.split("_")) & NAMELESS or re.search(r"_v\d+$", part)
            for part in name.split(".")
        )
    )


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return sources()


def test_imports_run_down(trees):
    assert import_troubles(trees) == []


def test_one_shard_map(trees):
    library = {name: tree for name, tree in trees.items() if not name.startswith("tests")}
    assert shard_maps(library) == ["vinf_jax.parallel.mesh"]


def test_no_file_is_executed(trees):
    assert executing_loads(trees) == []


def test_names_say_something(trees):
    assert nameless(set(trees)) == []


PLANTED = [
    ("vinf_jax.nn.norm", "import vinf_jax.models.unet3d"),
    ("vinf_jax.nn.norm", "def lazy():\n    from vinf_jax import systems"),
    ("vinf_jax.nn.norm", "from ..training import loop"),
    ("vinf_jax.parallel.mesh", "from vinf_jax.diffusion.schedule import Schedule"),
    ("vinf_jax.models.unet3d", "from .autoencoder_kl import AutoencoderKL"),
    ("vinf_jax.models.unet3d", "from . import autoencoder_kl"),
    ("vinf_jax.systems.a", "import vinf_jax.systems.b"),
    ("vinf_jax.systems.a.inner", "import vinf_jax.systems.b.inner"),
    ("vinf_jax.media.video", "import infer"),
    ("vinf_jax.media.video", "from importlib import import_module\nimport_module('configs.x')"),
    ("vinf_jax.media.video", "from vinf_jax.programs import load_config"),
    ("vinf_jax.types", "import vinf_jax.nn.norm"),
    ("vinf_jax.cellar.wine", "from vinf_jax import types"),
    ("infer.evaluate", "from .video_infinity import main"),
    ("infer.evaluate", "from infer import video_infinity"),
    ("infer.evaluate", "from train.loop import main"),
    ("configs.sprites", "import numpy"),
    ("configs.sprites", "from vinf_jax import types"),
]


@pytest.mark.parametrize(("name", "text"), PLANTED)
def test_planted_imports_are_caught(name, text):
    assert len(import_troubles(_house(name, text))) == 1


HONEST = [
    ("vinf_jax.systems.video_infinity", "from vinf_jax.models.unet3d import UNet3D"),
    ("vinf_jax.nn.norm", "from vinf_jax.nn import context\nfrom ..types import Video"),
    ("vinf_jax.systems.a.inner", "from vinf_jax.systems.a import other"),
    ("infer.evaluate", "from vinf_jax.programs import load_config\nimport jax"),
    ("configs.sprites", "from ml_collections import ConfigDict"),
]


@pytest.mark.parametrize(("name", "text"), HONEST)
def test_honest_imports_pass(name, text):
    assert import_troubles(_house(name, text)) == []


def test_planted_loads_and_maps_are_caught():
    text = "import numpy, pickle, torch\n"
    calls = [
        "pickle.load(f)",
        "torch.load(f)",
        "numpy.load(f, allow_pickle=True)",
        "pickle.loads(b)",
        "pickle.load(f, weights_only=True)",
        "torch.load(f, weights_only=False)",
    ]
    assert len(executing_loads({"x": ast.parse(text + "\n".join(calls))})) == len(calls)
    assert len(executing_loads({"x": ast.parse("from pickle import load")})) == 1
    for honest in ("numpy.load(f, allow_pickle=False)", "torch.load(f, weights_only=True)"):
        assert executing_loads({"x": ast.parse(honest)}) == []
    mapped = "from jax import shard_map\nimport jax\njax.shard_map(f)\nshard_map(f)"
    assert len(shard_maps({"x": ast.parse(mapped)})) == 3


def test_planted_names_are_caught():
    names = {
        "vinf_jax.nn.utils",
        "vinf_jax.video_helpers",
        "vinf_jax.nn.norm_v2",
        "vinf_jax.nn.norm",
    }
    assert nameless(names) == sorted(names - {"vinf_jax.nn.norm"})


def _house(name: str, text: str) -> dict[str, ast.Module]:
    """A small house with one more module, `name`, of the given text."""
    empty = (
        "vinf_jax.types vinf_jax.nn vinf_jax.nn.norm vinf_jax.nn.context vinf_jax.training "
        "vinf_jax.training.loop vinf_jax.models vinf_jax.models.unet3d vinf_jax.systems "
        "vinf_jax.models.autoencoder_kl infer infer.evaluate infer.video_infinity train train.loop"
    )
    trees = {other: ast.parse("") for other in empty.split()}
    trees["infer.__main__"] = ast.parse("PROGRAMS = {'evaluate': '', 'video_infinity': ''}")
    return trees | {name: ast.parse(text)}
