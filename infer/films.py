"""Videos that lie in a folder, with what the records beside them say: prompts, joins, method."""

import os
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from vinf_jax.media.captions import parse
from vinf_jax.media.layouts import of_job
from vinf_jax.media.picture_footage import natural
from vinf_jax.media.video import read_video
from vinf_jax.metrics.following import Scene

from .accuracy import away
from .outputs import read_json

Span = tuple[str, int, int]
MEASURES = ".measures.json"
"""What a video's measures end with, in the place of .mp4."""
CLIPS = "clips.json"
"""In a folder of clips that were cut out of videos for VBench: what each was cut from."""


@dataclass(frozen=True)
class Film:
    """A video and what its record says; a video without a record has no prompt and no joins.

    prompts: (text, start, stop) in order of time. cuts: first frames of new scenes. joins: those
    that begin a clip or a wave. scale: how much the file is enlarged.
    """

    path: Path
    method: str
    prompts: tuple[Span, ...] = ()
    crossfade: int = 0
    cuts: tuple[int, ...] = ()
    joins: tuple[int, ...] = ()
    seed: int | None = None
    scale: int = 1
    record: Any = None

    @property
    def prompt(self) -> str:
        """All its prompts."""
        return ", then ".join(text for text, _, _ in self.prompts)

    @property
    def cell(self) -> tuple[str, int | None]:
        """What videos of several methods have in common."""
        return self.prompt or self.path.stem, self.seed

    @property
    def exact(self) -> Path:
        """Where the frames lie as they were made, if somebody kept them."""
        return self.path.with_suffix(".npz")

    @property
    def source(self) -> Path:
        """The file that `read` reads."""
        return self.exact if self.exact.is_file() else self.path

    @property
    def frameless(self) -> bool:
        """Whether its frames are elsewhere, and only what is known of it is here."""
        return not self.path.is_file() and not self.exact.is_file()

    def read(self) -> tuple[np.ndarray, float]:
        """(uint8 (F, H, W, 3), frames per second): as they were made, or as the codec left them.

        Raises:
            ValueError: a damaged file; with its path.
        """
        if self.exact.is_file():
            return self._stored()
        frames, fps = read_video(self.path)
        half = self.scale // 2
        return frames[:, half :: self.scale, half :: self.scale], fps

    def parts(self, frames: int) -> list[tuple[int, int]]:
        """Of a video of so many frames, those of each prompt that no cross-fade touches, parted at
        cuts."""
        return [part for _, part in self._spans(frames)]

    def scenes(self, frames: int) -> list[Scene] | None:
        """The parts with what they should show; None where a prompt is not of the sprites' world,
        or there is none."""
        try:
            facts = [parse(text) for text, _, _ in self.prompts]
        except ValueError:
            return None
        return [Scene(*part, facts[n]) for n, part in self._spans(frames) if facts] or None

    def changing(self) -> list[Scene] | None:
        """The prompts as scenes that lie frame to frame; None where a cross-fade lies between them,
        or one is not of the sprites' world."""
        if self.crossfade and any(start not in self.cuts for _, start, _ in self.prompts[1:]):
            return None
        try:
            return [Scene(start, stop, parse(text)) for text, start, stop in self.prompts]
        except ValueError:
            return None

    def _stored(self) -> tuple[np.ndarray, float]:
        try:
            with self.exact.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return stored["frames"], float(stored["fps"])
        except (ValueError, TypeError, KeyError, EOFError, BadZipFile, zlib.error) as error:
            raise ValueError(
                f"{self.exact} holds no frames of a video ({error!r}); it may be damaged: bring it "
                "back whole, or remove it"
            ) from None

    def _spans(self, frames: int) -> list[tuple[int, tuple[int, int]]]:
        """(number of its prompt, range) of each part."""
        ranges = [(start, stop) for _, start, stop in self.prompts] or [(0, frames)]
        found = []
        for n, (whole, inner) in enumerate(zip(ranges, away(ranges, self.crossfade), strict=True)):
            # where a prompt begins or ends with a cut there is no cross-fade
            start, stop = (a if a in self.cuts else b for a, b in zip(whole, inner, strict=True))
            edges = [start, *(cut for cut in self.cuts if start < cut < stop), stop]
            found += [(n, part) for part in pairwise(edges)]
        return found


def films(folder: Path, *, frameless: bool = False) -> list[Film]:
    """All videos in a folder and those below it, jobs' own and VBench's clips aside, in natural
    order: mp4 files, and frames with a record. frameless: also those of which only a record with
    measures is here.

    Raises:
        ValueError: no folder, none in it, or a record that cannot be understood.
    """
    if not folder.is_dir():
        raise ValueError(f"folder: there is no folder {folder}")
    files = list(_walked(folder))
    paths = {file for file in files if file.suffix == ".mp4"}
    for ending in (".npz", MEASURES)[: 1 + frameless]:
        ours = (file for file in files if file.name.endswith(ending))
        beside = (file.with_name(file.name.removesuffix(ending)) for file in ours)
        paths |= {p.with_name(f"{p.name}.mp4") for p in beside if _has_record(p)}
    if not paths:
        raise ValueError(f"folder: {folder} holds no video; give one with videos")
    return [film(path) for path in sorted(paths, key=lambda path: natural(str(path)))]


def _walked(folder: Path) -> Iterator[Path]:
    """Files; those of jobs and of VBench's clips aside."""
    for here, inside, files in os.walk(folder):
        below = [(name, Path(here, name)) for name in inside]
        inside[:] = [n for n, path in below if not of_job(path) and not (path / CLIPS).is_file()]
        yield from (Path(here, name) for name in files)


def _has_record(stem: Path) -> bool:
    return stem.with_name(f"{stem.name}.json").is_file()


def film(path: Path) -> Film:
    """A video file with its record, if one lies beside it.

    Raises:
        ValueError: a record that cannot be understood.
    """
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return Film(path, path.parent.name)
    record = read_json(beside)
    try:
        if "prompts" not in record or "settings" not in record:
            return Film(path, path.parent.name)
        settings, spans = record["settings"], record["prompts"]
        return Film(
            path,
            record.get("method") or settings["scope"]["preset"],
            tuple((span["text"], span["start"], span["stop"]) for span in spans),
            settings["crossfade"] if len(spans) > 1 else 0,
            _cuts(settings),
            tuple(
                record.get("joins") or joins(settings, record["frames"], record.get("given") or ())
            ),
            record["seed"],
            record["scale"],
            record,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{beside} is no record of a video: {error!r}") from None


def joins(settings: dict[str, Any], frames: int, given: Sequence[dict[str, Any]] = ()) -> list[int]:
    """The frames that begin a clip, a wave, or a stretch of given frames or behind one, in a video
    that was made with these settings. given: stretches as a record has them.

    Clips are those of the scope's ranks or length, if it has some, else of the length that the
    model was trained with: a method that cuts nothing is measured where others cut.
    """
    scope = settings["scope"]
    ranks = scope.get("ranks")
    clip = -(-frames // ranks) if ranks else scope.get("length") or settings["clip_frames"]
    there = {n for part in given for n in range(part["start"], part["stop"])}
    return sorted({*range(clip, frames, clip), *_calls(settings.get("wave", 0), frames, there)})


def _cuts(settings: dict[str, Any]) -> tuple[int, ...]:
    cuts = settings["scope"].get("cuts") or settings.get("cuts")
    return tuple(sorted(cuts)) if isinstance(cuts, list) else ()


def _calls(wave: int, frames: int, given: Collection[int]) -> list[int]:
    """The frames that another call made than the one before them, or none."""
    if not wave and not given:
        return []
    from vinf_jax.systems.video_infinity.waves import plan_waves

    makers = [0] * frames
    for number, call in enumerate(plan_waves(frames, wave=wave, given=given), 1):
        for n in call.made:
            makers[n] = number
    return [n for n in range(1, frames) if makers[n] != makers[n - 1]]
