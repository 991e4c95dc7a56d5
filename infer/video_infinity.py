"""Makes a long video from prompts with a text-to-video model, cut in time over many devices.

Leaves the video, a contact sheet (.png) and a record of how it was made (.json).
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from . import prompts as texts
from .loading import loaded, weights_of
from .options import (
    SAMPLING,
    add_model,
    config_of,
    flat,
    given,
    parser,
    refuse,
    scope_settings,
)
from .outputs import of_seeds, suffix_troubles, target_troubles
from .progress import Display, Stopwatch

PROGRAM = "video_infinity"
NOTES = """\
A range is half open: 0:96 is frames 0 to 95. A prompts file has one prompt a line, each after its
range if you like ("0:96 a red circle moves right"), or is JSON: {"prompts": [...], "ranges":
[[0, 96], ...]}. The video does not depend on --clips. Exit status: 0, 2 for a mistake in what was
asked, 130 when stopped.
"""


def main(argv: list[str]) -> int:
    watch = Stopwatch()
    options, rest = _parser().parse_known_args(argv)
    config = config_of(options, rest)
    finished: list[Path] = []
    with Display("start", watch) as display:
        try:
            _run(options, {"config": flat(config)}, argv, display, finished)
        except KeyboardInterrupt:
            kept = ", ".join(map(str, finished)) or "nothing of this run"
            print(f"stopped in {display.title}, {display.status()}; kept: {kept}", file=sys.stderr)
            return 130
    return 0


def _run(
    options: argparse.Namespace,
    origin: dict[str, Any],
    argv: list[str],
    display: Display,
    finished: list[Path],
) -> None:
    """Makes the videos of all seeds; `finished` grows by every file that is whole."""
    display.stage("load")
    troubles, wishes = _wishes(options)
    files = of_seeds(options.out, options.seed)
    previews = [f.preview for f in files.values()] * options.preview
    targets = [path for f in files.values() for path in f.all] + previews
    troubles += suffix_troubles(options.out, ".mp4") + target_troubles(targets, options.force)
    model = loaded(options, options.clips * options.guidance_groups, troubles)

    from . import making, record

    if options.frames is None:
        wishes["frames"] = model.settings.clip_frames
    wishes["scope"] = scope_settings(options, model.settings.scope)
    origin |= record.of_run(PROGRAM, argv, weights_of(options))
    job = making.Job(model, wishes, options.scale, options.force, options.preview, origin)
    refuse(troubles + making.troubles(job, options.seed, next(iter(files.values()))))
    for seed, outputs in files.items():
        display.title = str(outputs.video)
        for path in making.make(job, seed, outputs, display):
            finished.append(path)
        print(_summary(job, outputs, display))
        display.watch = Stopwatch()


def _wishes(options: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """What is wrong with the prompts and seeds, and the arguments of `VideoInfinity.stream`."""
    troubles, prompts, ranges = texts.asked(options.prompts, options.prompts_file, options.ranges)
    twice = sorted({seed for seed in options.seed if options.seed.count(seed) > 1})
    troubles += [f"seed: {seed} stands more than once" for seed in twice]
    names = ("frames", "clips", "guidance_groups", "negative_prompt")
    wishes = {name: getattr(options, name) for name in names}
    return troubles, wishes | given(options, SAMPLING) | {"prompts": prompts, "ranges": ranges}


def _summary(job: Any, outputs: Any, display: Display) -> str:
    frames, fps = job.wishes["frames"], job.chosen("fps")
    height, width = (job.chosen(side) * job.enlargement for side in ("height", "width"))
    timings = display.watch.seconds()
    spent = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in timings.items())
    return (
        f"{outputs.video}: {frames} frames, {frames / fps:g} s at {fps:g} fps, {height} x {width}; "
        f"beside it {outputs.sheet.name} and {outputs.record.name}\nseconds: {spent}"
    )


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
    group = to.add_argument_group("devices")
    group.add_argument(
        "--clips",
        type=int,
        default=1,
        metavar="N",
        help="pieces of time, one per device (default: 1)",
    )
    group.add_argument(
        "--guidance-groups",
        type=int,
        default=1,
        metavar="N",
        help="2: the halves of guidance on two groups of devices (default: 1)",
    )
    group = to.add_argument_group("files")
    group.add_argument(
        "--out",
        type=Path,
        default=Path("out/video.mp4"),
        metavar="FILE",
        help="the video (default: %(default)s)",
    )
    group.add_argument("--force", action="store_true", help="replace files that are there")
    group.add_argument(
        "--scale",
        type=int,
        metavar="N",
        help="enlarge by a whole factor (default: to 256 pixels or more)",
    )
    group.add_argument(
        "--preview", action="store_true", help="now and then write OUT.preview.png on the way"
    )
    add_model(to)
    return to
