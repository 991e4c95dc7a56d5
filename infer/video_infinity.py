"""Makes a long video from prompts with a text-to-video model, cut in time over many devices.

Leaves the video, a contact sheet (.png), a record of how it was made (.json) and the folder that it
was made in (.job), from which it can be gone on with, extended and retaken.
"""

import argparse
from pathlib import Path
from typing import Any

from . import givens
from . import prompts as texts
from .job_flags import add_devices, add_files, add_many, file_troubles
from .loading import loaded
from .options import (
    SAMPLING,
    add_model,
    config_of,
    flat,
    given,
    parser,
    scope_settings,
)
from .outputs import of_seeds, suffix_troubles
from .progress import Display
from .running import made, run

PROGRAM = "video_infinity"
NOTES = """\
A range is half open: 0:96 is frames 0 to 95. A prompts file has one prompt a line, each after its
range if you like ("0:96 a red circle moves right"), or is JSON: {"prompts": [...], "ranges":
[[0, 96], ...]}. The video does not depend on --clips, unless --exchange is int8. A job that was
stopped or killed goes on with the same command and --resume. Exit status: 0, 2 for a mistake in
what was asked or a full disk, 130 when stopped, 1 when another of several processes was lost.
"""


def main(argv: list[str]) -> int:
    options, rest = _parser().parse_known_args(argv)
    config = flat(config_of(options, rest))
    return run(PROGRAM, argv, options, lambda *so_far: _make(options, config, argv, *so_far))


def _make(
    options: argparse.Namespace,
    config: dict[str, Any],
    argv: list[str],
    display: Display,
    finished: list[Path],
) -> None:
    """Makes the videos of all seeds; `finished` grows by every file that is whole."""
    display.stage("load")
    troubles, wishes = _wishes(options)
    files = of_seeds(options.out, options.seed, options.job)
    troubles += suffix_troubles(options.out, ".mp4")
    troubles += file_troubles(options, list(files.values()))
    model = loaded(options, options.clips * options.guidance_groups, troubles)

    from .ordering import orders

    if options.frames is None:
        wishes["frames"] = model.settings.clip_frames
    wishes["scope"] = scope_settings(options, model.settings.scope)
    more, stretches = _stretches(options, wishes, model.settings)
    length = wishes["frames"]
    made(
        orders(
            options,
            config,
            (PROGRAM, argv),
            model,
            wishes,
            files,
            troubles + more,
            given=[n for part in stretches for n in range(part.start, part.stop) if n < length],
            parts=givens.described(stretches),
            stretches=stretches,
        ),
        display,
        finished,
    )


def _wishes(options: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """What is wrong with the prompts and seeds, and the arguments of `VideoInfinity.begin`."""
    troubles, prompts, ranges = texts.asked(options.prompts, options.prompts_file, options.ranges)
    twice = sorted({seed for seed in options.seed if options.seed.count(seed) > 1})
    troubles += [f"seed: {seed} stands more than once" for seed in twice]
    names = ("frames", "clips", "guidance_groups", "negative_prompt")
    wishes = {name: getattr(options, name) for name in names}
    return troubles, wishes | given(options, SAMPLING) | {"prompts": prompts, "ranges": ranges}


def _stretches(
    options: argparse.Namespace, wishes: dict[str, Any], settings: Any
) -> tuple[list[str], list[Any]]:
    """What is wrong with the given frames, and the given frames."""
    troubles, asked = givens.asked(options, wishes["frames"])
    sizes = [wishes.get(name) or getattr(settings, name) for name in ("fps", "height", "width")]
    if not asked:
        return troubles, []
    more, stretches = givens.stretches(asked, wishes["frames"], *sizes)
    return troubles + more, stretches


def _parser() -> argparse.ArgumentParser:
    to = parser(PROGRAM, __doc__, NOTES)
    group = to.add_argument_group("video")
    group.add_argument("--prompts", nargs="+", default=[], metavar="TEXT", help="in order of time")
    group.add_argument("--prompts-file", type=Path, metavar="FILE", help="instead of --prompts")
    group.add_argument(
        "--ranges", nargs="+", metavar="START:STOP", help="frames of each prompt (default: even)"
    )
    group.add_argument("--negative-prompt", default="", metavar="TEXT", help="what to stay away of")
    group.add_argument(
        "--frames", type=int, metavar="N", help="length (default: one clip of the model's)"
    )
    group.add_argument(
        "--seed",
        type=int,
        nargs="+",
        default=[0],
        metavar="N",
        help="several make several videos (default: 0)",
    )
    givens.add_givens(to)
    add_devices(to)
    add_many(to)
    add_files(to, "out/video.mp4", "out/video.mp4")
    add_model(to)
    return to
