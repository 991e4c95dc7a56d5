"""What an import leaves beside the arrays of a model folder, so that an export gives it back."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.checkpoint.torch_file import open_tensors

KEPT, REPORT = "kept.safetensors", "report.json"


def files(
    kept: Mapping[str, Any] | None, report: Mapping[str, Any] | None
) -> dict[str, Callable[[Path], object]]:
    """For `store.save`'s `beside`: files by name, and what writes each; none for what is empty.

    kept: tensors of the source that no network takes, by their names there, stored as they are.
    report: how the weights were converted, anything that JSON holds; it is asked for its contents
    when the file is written.
    """
    beside: dict[str, Callable[[Path], object]] = {}
    if kept:
        beside[KEPT] = partial(write_safetensors, tensors=kept)
    if report:
        beside[REPORT] = lambda path: path.write_text(json.dumps(dict(report), indent=1), "utf-8")
    return beside


def read_kept(folder: str | Path) -> Mapping[str, np.ndarray]:
    """The tensors of the source that no network takes, by their names there, mapped read-only."""
    file = Path(folder) / KEPT
    return open_tensors(file) if file.exists() else {}


def read_report(folder: str | Path) -> dict[str, Any]:
    """How the weights were converted; empty if they were not."""
    file = Path(folder) / REPORT
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
