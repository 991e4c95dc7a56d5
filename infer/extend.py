"""Goes on with a video: a finished job, from its latents, or any video file, from its pictures.

Makes a new video, that of before and N frames more, with a job's folder of its own; the old one
stays as it is.
"""

import argparse
from pathlib import Path
from typing import Any

from . import givens, takes
from . import prompts as texts
from .job_flags import add_devices, add_files, add_many
from .loading import loaded
from .options import SAMPLING, add_model, config_of, flat, given, parser
from .progress import Display
from .running import made, run
from .spans import joined

PROGRAM = "extend"
NOTES = """\
What is not given is as in the job: model, settings, seed; its last prompt goes on. Of other videos
every frame is kept, at the model's size and rate, and prompts are needed. The old frames of the new
video are those of before: a job's segments are taken over as they are. Exit status: 0, 2 for a
mistake in what was asked or a full disk, 130 when stopped, 1 when another of several processes was
lost; then --resume goes on.
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
    seed = of.asked.get("seed", 0) if options.seed is None else options.seed
    wrong, files, replaced = takes.placed(of, options, "extended", seed)
    troubles += wrong
    troubles += _length_troubles(options.frames)
    model = loaded(options, options.clips * options.guidance_groups, troubles)
    wishes["scope"] = takes.scope(options, of, model.settings.scope)

    from vinf_jax.systems.video_infinity.pieces import Stretch

    from .ordering import orders

    more, stretches = [], []
    if of.job:
        old = of.asked["frames"]
    else:
        source = takes.footage(of, wishes, model.settings)
        old, stretches = source.frames, [Stretch(0, source.frames, source)]
    more += _say(options, of, old, wishes)
    parts = takes.parts(of, [(0, old)]) if of.job else givens.described(stretches)
    how: dict[str, Any] = {"given": range(old), "parts": parts}
    how |= {"stretches": stretches, "source": of.job, "replaces": replaced}
    asked = (options, config, (PROGRAM, argv), model, wishes, files, troubles + more)
    made(orders(*asked, **how), display, finished)


def _say(
    options: argparse.Namespace, of: takes.Origin, old: int, wishes: dict[str, Any]
) -> list[str]:
    """Adds length, prompts and ranges to the wishes; what is wrong with them."""
    from vinf_jax.systems.video_infinity.prompts import even_ranges, timeline_troubles

    frames = max(options.frames, 1)
    before = list(zip(of.asked.get("ranges", []), of.asked.get("prompts", []), strict=True))
    prompts, ranges, troubles = options.prompts, None, []
    if prompts or options.prompts_file or not of.job:
        troubles, prompts, ranges = texts.asked(prompts, options.prompts_file, options.ranges)
    elif options.ranges:
        troubles.append("ranges: they belong to prompts; give --prompts too")
    prompts = prompts or [text for _, text in before[-1:]]
    if not troubles:
        troubles = timeline_troubles(len(prompts), frames, ranges, None)
    wishes |= {"frames": old + frames, "prompts": prompts, "ranges": None}
    if not troubles:
        spans = [(old + a, old + b) for a, b in ranges or even_ranges(len(prompts), frames)]
        if not before:
            spans[0] = 0, spans[0][1]
        spoken = [*before, *zip(spans, prompts, strict=True)]
        wishes["prompts"], wishes["ranges"] = joined(spoken)
        takes.fit_crossfade(wishes, "crossfade" in given(options, SAMPLING))
    return troubles


def _length_troubles(frames: int) -> list[str]:
    return [] if frames >= 1 else [f"frames: {frames} more; give 1 or more"]


def _parser() -> argparse.ArgumentParser:
    to = parser(PROGRAM, __doc__, NOTES)
    to.add_argument("source", type=Path, metavar="JOB_OR_VIDEO", help=takes.ADVICE)
    group = to.add_argument_group("video")
    group.add_argument("--frames", type=int, required=True, metavar="N", help="how many more")
    group.add_argument("--prompts", nargs="+", default=[], metavar="TEXT", help="of what is new")
    group.add_argument("--prompts-file", type=Path, metavar="FILE", help="instead of --prompts")
    group.add_argument(
        "--ranges",
        nargs="+",
        metavar="START:STOP",
        help="frames of each prompt, counted from the first new one (default: even)",
    )
    group.add_argument("--negative-prompt", metavar="TEXT", help="what to stay away of")
    group.add_argument("--seed", type=int, metavar="N", help="(default: the job's, or 0)")
    add_devices(to)
    add_many(to)
    add_files(to, None, "SOURCE-extended.mp4")
    add_model(to, of_job=True)
    return to
