"""Numbered checkpoints of a training run: save, find the newest whole one, drop the old."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jax import Array

from vinf_jax.checkpoint import index, store

_FINISHED = re.compile(r"step_(\d{8,})")
_BROKEN_OFF = re.compile(r"\.step_\d{8,}\.(unfinished|replaced|dropped)")


class Checkpoints:
    """The checkpoints step_00001200, step_00001400, ... of one folder; one writer at a time.

    Args:
        folder: made at the first save.
        keep: how many of the newest whole ones stay.

    Raises:
        ValueError: keep below 1.
    """

    def __init__(self, folder: str | Path, keep: int = 2) -> None:
        if keep < 1:
            raise ValueError(f"keep is {keep}; at least 1 checkpoint must stay")
        self.folder, self.keep = Path(folder), keep

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step lies, or would lie."""
        return self.folder / f"step_{step:08d}"

    def steps(self) -> list[int]:
        """Steps of all whole checkpoints, ascending; unfinished and shortened ones do not count."""
        return [step for step, path in self._numbered() if index.whole(path)]

    def latest(self) -> int | None:
        """The newest step with a whole checkpoint, None if there is none."""
        return max(self.steps(), default=None)

    def save(
        self, step: int, tree: Mapping[str, Any], metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Saves one more, replacing an earlier one of the same step, then drops what is too old.

        Raises:
            ValueError: a step behind the newest; and as `store.save`.
            OSError: as `store.save`.
        """
        newest = max(self.steps(), default=0)
        if step < newest:
            raise ValueError(
                f"step is {step}, but {self.folder} has come to {newest}; "
                "continue from there or take another folder"
            )
        store.save(self.path(step), tree, metadata=metadata, overwrite=True)
        self._prune()

    def load(self, step: int, abstract: Mapping[str, Any]) -> dict[str, Array]:
        """The arrays of one step, as `store.load`."""
        return store.load(self.path(step), abstract)

    def describe(self, step: int) -> tuple[index.Shapes, dict[str, Any]]:
        """Shapes and metadata of one step, as `store.describe`."""
        return store.describe(self.path(step))

    def _numbered(self) -> list[tuple[int, Path]]:
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        matches = [(_FINISHED.fullmatch(path.name), path) for path in found]
        return sorted((int(match[1]), path) for match, path in matches if match)

    def _prune(self) -> None:
        """Drops what is older than the `keep` newest whole ones, and what broke off."""
        oldest = self.steps()[-self.keep :][0]
        for step, path in self._numbered():
            if step < oldest:  # renamed first: a half removed one must not look damaged
                path.rename(path.with_name(f".{path.name}.dropped"))
        for path in list(self.folder.iterdir()):
            if _BROKEN_OFF.fullmatch(path.name):
                shutil.rmtree(path)
