"""Makes parts of a video again, and touches nothing else: of a finished job, from its latents, or
of any video file, say one of which some frames are missing.

Makes a new video with a job's folder of its own; the old one stays as it is.
"""

import argparse
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import givens, takes
from .job_flags import add_devices, add_files, add_many
from .loading import loaded
from .options import SAMPLING, add_model, config_of, flat, given, parser, refuse
from .progress import Display
from .running import made, run
from .spans import Range, between, joined, overlaid, parse_range

PROGRAM = "retake"
NOTES = """\
12s:18s is from second 12 to second 18, 96:144 frames 96 to 143, 12s: to the end. Everything outside
is given: both sides of a range guide what comes between. One prompt serves all ranges, or each has
its own; without prompts those of the job stay. What is not given is as in the job; the seed is the
next one. Exit status: 0, 2 for a mistake in what was asked or a full disk, 130 when stopped, 1 when
another of several processes was lost; then --resume goes on.
"""


def main(argv: list[str]) -> int:
    options, rest = _parser().parse_known_args(argv)
    of = takes.origin(options.source)
    takes.adopt(options, of)
    config = flat(config_of(options, rest))
    return run(PROGRAM, argv, options, lambda *so_far: _make(options, config, argv, of, *so_far))


def _make(
    options: argparse.Namespace,
    config: dict[str, Any],
    argv: list[str],
    of: takes.Origin,
    display: Display,
    finished: list[Path],
) -> None:
    display.stage("load")
    troubles, wishes = takes.wishes(options, of)
    seed = of.asked.get("seed", -1) + 1 if options.seed is None else options.seed
    wrong, files, replaced = takes.placed(of, options, "retake", seed)
    troubles += wrong
    model = loaded(options, options.clips * options.guidance_groups, troubles)
    wishes["scope"] = takes.scope(options, of, model.settings.scope)

    from vinf_jax.systems.video_infinity.pieces import Stretch

    from .ordering import orders

    source = None if of.job else takes.footage(of, wishes, model.settings)
    frames = of.asked["frames"] if source is None else source.frames
    fps = wishes.get("fps") or model.settings.fps
    wrong, order, again = _ranges(options.range, frames, fps)
    refuse([*troubles, *wrong] if wrong else [])
    if len(options.prompts) == len(order):
        options.prompts = [options.prompts[n] for n in order]
    kept = between(again, frames)
    troubles += _say(options, of, frames, again, wishes)
    how: dict[str, Any]
    if source is None:
        how = {"source": of.job, "parts": takes.parts(of, kept)}
    else:
        stretches = [Stretch(start, stop, source, start) for start, stop in kept]
        how = {"stretches": stretches, "parts": givens.described(stretches)}
    how["replaces"] = replaced
    how["given"] = [n for start, stop in kept for n in range(start, stop)]
    asked = (options, config, (PROGRAM, argv), model, wishes, files, troubles)
    made(orders(*asked, **how), display, finished)


def _ranges(
    texts: Sequence[str], frames: int, fps: float
) -> tuple[list[str], list[int], list[Range]]:
    """What is wrong with the ranges, which is the first in time and so on, and they in order."""
    if not 0 < fps < math.inf:
        return [f"fps: {fps}; give a finite number above 0"], [], []
    troubles, found = [], []
    for text in texts:
        try:
            found.append(parse_range(text, frames, fps))
        except ValueError as error:
            troubles.append(str(error))
    order = sorted(range(len(found)), key=found.__getitem__)
    found = [found[n] for n in order]
    for one, other in itertools.pairwise(found):
        if other[0] < one[1]:
            troubles.append(f"range: frame {other[0]} is in two ranges; give it once")
    if not troubles and not between(found, frames):
        troubles.append("range: nothing is left of the video; make a new one instead")
    return troubles, order, found


def _say(
    options: argparse.Namespace,
    of: takes.Origin,
    frames: int,
    again: Sequence[Range],
    wishes: dict[str, Any],
) -> list[str]:
    """Adds length, prompts and ranges to the wishes; what is wrong with them."""
    prompts = list(options.prompts)
    wishes |= {"frames": frames, "prompts": prompts, "ranges": None}
    if not prompts and not of.job:
        return [f"prompts: none, and {of.path} has none of its own; give --prompts"]
    if len(prompts) not in (0, 1, len(again)):
        return [f"prompts: {len(prompts)} for {len(again)} ranges; give one, or one each"]
    before = list(zip(of.asked.get("ranges", []), of.asked.get("prompts", []), strict=True))
    before = before or [((0, frames), prompts[0])]
    each = prompts * len(again) if len(prompts) == 1 else prompts
    over = list(zip(again, each, strict=True)) if prompts else []
    wishes["prompts"], wishes["ranges"] = joined(overlaid(before, over))
    takes.fit_crossfade(wishes, "crossfade" in given(options, SAMPLING))
    return []


def _parser() -> argparse.ArgumentParser:
    to = parser(PROGRAM, __doc__, NOTES)
    to.add_argument("source", type=Path, metavar="JOB_OR_VIDEO", help=takes.ADVICE)
    group = to.add_argument_group("video")
    group.add_argument(
        "--range", nargs="+", required=True, metavar="START:STOP", help="what is made again"
    )
    group.add_argument("--prompts", nargs="+", default=[], metavar="TEXT", help="of the ranges")
    group.add_argument("--negative-prompt", metavar="TEXT", help="what to stay away of")
    group.add_argument("--seed", type=int, metavar="N", help="(default: the job's and one more)")
    add_devices(to)
    add_many(to)
    add_files(to, None, "SOURCE-retake.mp4")
    add_model(to, of_job=True)
    return to
