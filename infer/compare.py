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

from . import prompts as texts
from .compare_runs import stories
from .devices import described
from .job_flags import add_devices
from .loading import loaded, weights_of
from .methods import EXAMPLE, methods
from .options import (
    SAMPLING,
    add_model,
    config_of,
    given,
    parser,
    refuse,
    scope_settings,
)
from .outputs import write_json
from .progress import Display
from .ruler import Ruler, add_distance, distance_troubles

PROGRAM = "compare"
NOTES = f"""\
A method is a preset of --scope, with fields and a name if you like: {EXAMPLE}. Fields are those of
the scope, or flags of sampling. Without ranks, reference stands for as many GPUs as the video has
training clips. Exit status: 0, 2 for a mistake in what was asked, 130 when stopped.
"""


def main(argv: list[str]) -> int:
    options, rest = _parser().parse_known_args(argv)
    config_of(options, rest)
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
    troubles, plan = _wishes(options)
    model = loaded(options, options.clips * options.guidance_groups, troubles)

    from . import compare_making, compare_runs, record
    from .ordering import dtype_of

    origin = record.of_run(PROGRAM, argv, weights_of(options))
    common = given(options, SAMPLING)
    common["model"] = {"weights": origin["weights"]["sha256"], "dtype": dtype_of(options)}
    how = {"clips": options.clips, "guidance_groups": options.guidance_groups}
    origin["mesh"] = described(options.clips, options.guidance_groups)
    runs = compare_runs.planned(options.out, **plan)
    troubles += compare_runs.differing(runs, common, model.settings.clip_frames)
    troubles += _cannot(model, runs, given(options, SAMPLING) | how)
    refuse(troubles)

    def said(title: str) -> Display:
        display.title = title
        return display

    making = compare_making.Making(model, common, origin, how, options.together)
    with compare_making.finishing(options.workers, options) as finish:
        making.make(runs, finish, said)


def _cannot(model: Any, runs: Any, shared: dict[str, Any]) -> list[str]:
    """Why the first video of each method and length cannot be made."""
    first, found = {}, []
    for run in runs:
        first.setdefault((run.method.name, run.frames), run)
    for (name, frames), run in first.items():
        try:
            model.begin(run.prompts, **shared | run.wishes(model.settings.clip_frames))
        except ValueError as error:
            found.append(f"{name}, {frames} frames: {error}")
    return found


def _tables(options: argparse.Namespace, argv: list[str], display: Display) -> None:
    refuse(distance_troubles(options))
    from vinf_jax.media.sheet import save_png

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
    (options.out / "table.md").write_text(text)
    print(text)
    for frames in table["lengths"]:
        same = (f for f, s in zip(found, each, strict=True) if str(s.frames) == frames)
        picture = strips([film for film in same if not film.frameless])
        if picture is not None:
            save_png(options.out / f"strips-{frames}.png", picture, overwrite=True)
    print(f"written: {options.out / 'results.json'}, table.md and strips beside it")


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


def _wishes(options: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """What is wrong with the flags, and the arguments of `planned`."""
    troubles, chosen = methods(options.methods)
    counts = {"seeds": options.seeds, "frames": min(options.frames), "scenes": options.scenes}
    troubles += [f"{name}: {n}; give 1 or more" for name, n in counts.items() if n < 1]
    if scope_settings(options, {"preset": ""}) is not None:
        troubles.append(f"scope: it is part of the methods here; write --methods {EXAMPLE}")
    least = {"together": options.together, "workers": options.workers}
    troubles += [f"{name}: {n}; give 0 or more" for name, n in least.items() if n < 0]
    troubles += distance_troubles(options)
    prompts: list[str] = []
    if options.prompts_file:
        try:
            prompts = list(texts.read_file(options.prompts_file)[0])
        except ValueError as error:
            troubles.append(str(error))
    elif not troubles:
        from vinf_jax.media.sprites import held_out_prompts

        prompts = held_out_prompts(options.prompts, options.seed)
    if not prompts and not troubles:
        troubles.append(f"prompts: {options.prompts}; give 1 or more")
    told: list[Any] = []
    if not troubles:
        try:
            told = stories(prompts, options.scenes)
        except ValueError as error:
            troubles.append(str(error))
    seeds = range(options.seed, options.seed + options.seeds)
    plan = {"methods": chosen, "stories": told, "seeds": seeds, "lengths": options.frames}
    return troubles, plan


def _parser() -> argparse.ArgumentParser:
    to = parser(PROGRAM, __doc__, NOTES)
    group = to.add_argument_group("videos")
    group.add_argument("--methods", nargs="+", default=[], metavar="METHOD", help="see below")
    group.add_argument(
        "--frames", type=int, nargs="+", default=[64], metavar="N", help="lengths (default: 64)"
    )
    group.add_argument(
        "--prompts", type=int, default=32, metavar="N", help="held-out sprites (default: 32)"
    )
    group.add_argument("--prompts-file", type=Path, metavar="FILE", help="one a line, instead")
    group.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="of each prompt (default: 3)"
    )
    group.add_argument(
        "--scenes", type=int, default=1, metavar="N", help="prompts of each video (default: 1)"
    )
    group.add_argument("--seed", type=int, default=0, help="the first (default: 0)")
    group.add_argument(
        "--out",
        type=Path,
        default=Path("out/compare"),
        metavar="FOLDER",
        help="(default: %(default)s)",
    )
    group.add_argument(
        "--mp4",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write mp4 files; left out, the next call writes them (default: yes)",
    )
    group = to.add_argument_group("work")
    group.add_argument(
        "--together",
        type=int,
        default=0,
        metavar="FRAMES",
        help="make several videos of a method in one call, of so many frames in all; a large GPU "
        "has room for 6144 (default: one video)",
    )
    group.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="processes beside this one that write and measure videos (default: none)",
    )
    group.add_argument(
        "--tables",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="in the end; not where several processes make methods of their own side by side",
    )
    group = to.add_argument_group("comparison")
    add_distance(group)
    group.add_argument(
        "--against",
        metavar="METHOD",
        help="that the others are compared with (default: reference, or the first)",
    )
    add_devices(to)
    add_model(to)
    return to
