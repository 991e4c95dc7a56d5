"""The folders that training writes: who may work there, and what may be replaced."""

import contextlib
from collections.abc import Generator
from pathlib import Path

from vinf_jax.checkpoint.claim import Claim


@contextlib.contextmanager
def alone(out: Path) -> Generator[None]:
    """The folder of a run, which is made if it is missing, for this process alone.

    Raises:
        OSError: another process trains there, or it cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    with Claim(out):
        yield


def destination(given: Path | None, own: Path, force: bool) -> Path:
    """The folder that --weights gives, or else the run's own, which may be written again.

    Raises:
        ValueError: a given folder that exists, without `force`; in any case something that is no
            model folder.
    """
    from vinf_jax.checkpoint.index import NAME

    folder = given or own
    if folder.exists() and not (folder / NAME).is_file():
        raise ValueError(
            f"weights: {folder} exists and is no model folder (it has no {NAME}), so it is never "
            "replaced; give another --weights, or move it away"
        )
    if given and folder.exists() and not force:
        raise ValueError(f"weights: {folder} exists; --force replaces it, or give another folder")
    return folder
