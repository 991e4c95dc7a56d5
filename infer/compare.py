"""Makes the same videos with several methods on one model, measures them and compares the figures.

Leaves in a folder the videos, results.json (means, intervals, differences), table.md and a picture
of strips for each length. A finished video is never made again: the same command goes on, more
prompts, seeds, methods or lengths add to what is there, and without --methods only the tables are
made anew. `python -m infer gallery FOLDER` makes a page of it.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .compare_flags import PROGRAM, flags, wishes
from .devices import described
from .loading import loaded, weights_of
from .options import SAMPLING, config_of, given, refuse
from .outputs import write_json
from .progress import Display
from .ruler import Ruler, distance_troubles


def main(argv: list[str]) -> int:
    options, rest = flags(__doc__).parse_known_args(argv)
    config_of(options, rest)
    refuse(_foreign(options.out) if options.tables else [])
    with Display(PROGRAM) as display:
        try:
            if options.methods:
                _make(options, argv, display)
            if options.tables:
                _tables(options, argv, display)
        except KeyboardInterrupt:
            print("stopped; the same command goes on with what is finished", file=sys.stderr)
            return 130
    return 0


def _make(options: argparse.Namespace, argv: list[str], display: Display) -> None:
    display.stage("load")
    troubles, plan = wishes(options)
    model = loaded(options, options.clips * options.guidance_groups, troubles)

    from . import compare_making, compare_runs, record
    from .ordering import dtype_of

    origin = record.of_run(PROGRAM, argv, weights_of(options))
    common = given(options, SAMPLING)
    common["model"] = {"weights": origin["weights"]["sha256"], "dtype": dtype_of(options)}
    how = {"clips": options.clips, "guidance_groups": options.guidance_groups}
    runs = compare_runs.planned(options.out, **plan)
    troubles += compare_runs.differing(runs, common, model.settings)
    troubles += _cannot(model, runs, given(options, SAMPLING) | how)
    refuse(troubles)
    origin["mesh"] = described(options.clips, options.guidance_groups)

    def said(title: str) -> Display:
        display.title = title
        return display

    making = compare_making.Making(model, common, origin, how, options.together)
    with compare_making.finishing(options.workers, options) as finish:
        making.make(runs, finish, said)


def _cannot(model: Any, runs: Any, shared: dict[str, Any]) -> list[str]:
    """Why the first video of each method and length cannot be made, or become an mp4."""
    from .making import codec_troubles

    first, found = {}, []
    for run in runs:
        first.setdefault((run.method.name, run.frames), run)
    for (name, frames), run in first.items():
        try:
            request = model.begin(run.prompts, **shared | run.wishes(model.settings)).request
        except ValueError as error:
            found.append(f"{name}, {frames} frames: {error}")
            continue
        about = request.fps, request.height, request.width
        troubles = codec_troubles(run.video, *about, None)
        found += [f"{name}, {frames} frames: {trouble}" for trouble in troubles]
    return found


def _tables(options: argparse.Namespace, argv: list[str], display: Display) -> None:
    refuse(distance_troubles(options))
    from vinf_jax.media.sheet import save_png
    from vinf_jax.media.target import replacing

    from . import record
    from .compare_making import show
    from .compare_measures import scored
    from .compare_strips import strips
    from .films import films
    from .scoreboard import Board, markdown

    display.title = PROGRAM
    ruler, each, found = Ruler(options), [], films(options.out, frameless=True)
    for n, film in enumerate(found):
        display.stage("measure", n, len(found))
        if options.mp4 and not film.frameless and not film.path.is_file():
            show(film)
        each.append(scored(film, ruler, options.window))
    display.stage("compare")
    board = Board(each, _against(options, each), ruler.real(), options.seed)
    note = {"distance": ruler.said()}
    origin = {"tables": record.of_run(PROGRAM, argv, None)["command"], **record.versions()}
    origin["made"] = _made(found)
    table = board.record() | note
    write_json(options.out / "results.json", table | {"origin": origin}, True)
    text = f"{markdown(table)}\n{note['distance']}\n"
    with replacing(options.out / "table.md", True) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)
    for frames in table["lengths"]:
        same = (f for f, s in zip(found, each, strict=True) if str(s.frames) == frames)
        picture = strips([film for film in same if not film.frameless])
        if picture is not None:
            save_png(options.out / f"strips-{frames}.png", picture, overwrite=True)
    print(f"written: {options.out / 'results.json'}, table.md and strips beside it")


def _foreign(folder: Path) -> list[str]:
    """Files in the place of the tables that no comparison wrote: those beside a results.json of
    others, or without one."""
    try:
        written = json.loads((folder / "results.json").read_text())
        if {"against", "lengths"} <= set(written):
            return []
    except (OSError, ValueError, TypeError):
        pass
    there = [folder / "results.json", folder / "table.md", *sorted(folder.glob("strips-*.png"))]
    return [
        f"out: {path} exists, and no comparison wrote it; move it away, or give another --out"
        for path in there
        if path.exists()
    ]


def _made(found: Any) -> list[dict[str, Any]]:
    """Commands, versions and devices that the videos were made with, each once."""
    records = (film.record or {} for film in found)
    origins = ({name: r.get(name) for name in ("command", "versions", "mesh")} for r in records)
    return [json.loads(text) for text in dict.fromkeys(json.dumps(o) for o in origins)]


def _against(options: argparse.Namespace, each: Any) -> str:
    names = list(dict.fromkeys(video.method for video in each))
    if options.against not in (None, *names):
        raise ValueError(f"against: {options.against}, but there are {', '.join(names)}")
    return options.against or ("reference" if "reference" in names else names[0])
