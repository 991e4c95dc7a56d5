"""Where a result came from: versions, commit, weights and command, in words that JSON can hold."""

import hashlib
import platform
import shlex
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import vinf_jax

PACKAGES = ("jax", "jaxlib", "flax", "numpy", "orbax-checkpoint", "av")


def versions() -> dict[str, str | None]:
    """Python's, this project's and its main packages' versions, None of one that is not there; the
    commit of a checkout."""
    packages = {name: _version(name) for name in PACKAGES}
    own = {"python": platform.python_version(), "vinf_jax": vinf_jax.__version__}
    return own | packages | {"commit": commit()}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def commit() -> str | None:
    """The commit of the checkout that the library lies in, "-changed" added where it differs.

    None outside a checkout of this project, or without git.
    """
    library = Path(vinf_jax.__file__).resolve().parent
    if not (library.parent / ".git").exists():
        return None
    name = _git(library.parent, "rev-parse", "HEAD")
    if not name:
        return None
    return f"{name}-changed" if _git(library.parent, "status", "--porcelain", "-uno") else name


def digest(folder: Path) -> str:
    """SHA-256 over the names and contents of all files in a folder, or of one file."""
    if folder.is_file():
        with folder.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(f"{file.relative_to(folder).as_posix()}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def of_run(program: str, argv: Sequence[str], weights: Path | None) -> dict[str, Any]:
    """Command line, versions and weights, for the record of a run."""
    return {
        "command": shlex.join(["python", "-m", "infer", program, *argv]),
        "versions": versions(),
        "weights": weights and {"folder": str(weights), "sha256": digest(weights)},
    }


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
