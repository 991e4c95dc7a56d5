"""Measures of the videos in a folder, each taken once and kept beside its video."""

from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.media.target import replacing

from .films import MEASURES, Film
from .long_measures import VERSION, measured
from .outputs import read_json, write_json
from .ruler import Ruler
from .scoreboard import Scored


def scored(film: Film, ruler: Ruler, window: int) -> Scored:
    """A video's measures: those that lie beside it if they are of the same making and of these
    frames, else new ones, which are then kept there.

    Raises:
        ValueError: new ones are needed, and its frames are not here.
    """
    kept, rows = measures_of(film.path), film.path.with_suffix(".windows.npy")
    wanted = {"version": VERSION, "window": window, "through": ruler.through}
    if not film.frameless:
        wanted["bytes"] = film.source.stat().st_size
    if kept is not None and all(kept.get(name) == value for name, value in wanted.items()):
        known = _rows(rows) if rows.is_file() else None
        if known is not None or ruler.through is None or kept["windows"] == 0:
            return ruler.scored(film, kept, known)
    if film.frameless:
        raise ValueError(
            f"{film.path}: its frames are not here, and its measures were taken with another "
            "window, network or version; give the same --window and --features, or bring its npz"
        )
    frames, fps = film.read()
    found = ruler.features(film, frames)
    count = 0 if found is None else len(found)
    record = measured(film, frames, fps, window) | wanted | {"windows": count}
    # never measures beside another's features, wherever this is stopped
    film.path.with_suffix(MEASURES).unlink(missing_ok=True)
    if found is not None:
        with replacing(rows, True) as temporary, temporary.open("wb") as file:
            np.save(file, found.astype(np.float32))
    write_json(film.path.with_suffix(MEASURES), record, True)
    return ruler.scored(film, record, found)


def measures_of(video: Path) -> dict[str, Any] | None:
    """The measures that lie beside a video, None if there are none."""
    path = video.with_suffix(MEASURES)
    return read_json(path) if path.is_file() else None


def _rows(path: Path) -> np.ndarray:
    """Features of windows.

    Raises:
        ValueError: a file that holds none; with its path.
    """
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it and its measures") from None
