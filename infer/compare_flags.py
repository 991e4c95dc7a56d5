"""Flags of `python -m infer compare`, and what they ask for."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import prompts as texts
from .compare_runs import stories
from .job_flags import add_devices
from .methods import EXAMPLE, methods
from .options import add_model, parser, scope_settings, seed
from .outputs import target_troubles
from .ruler import add_distance, distance_troubles

PROGRAM = "compare"
NOTES = f"""\
A method is a preset of --scope, or own, the scope in the model's settings, with fields and a name
if you like: {EXAMPLE}. Fields are those of the
scope, or flags of sampling. Without ranks, reference stands for as many GPUs as the video has
training clips. Exit status: 0, 2 for a mistake in what was asked, 130 when stopped.
"""


def wishes(options: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """What is wrong with the flags, and the arguments of `planned`."""
    troubles, chosen = methods(options.methods)
    counts = {"seeds": options.seeds, "frames": min(options.frames), "scenes": options.scenes}
    troubles += [f"{name}: {n}; give 1 or more" for name, n in counts.items() if n < 1]
    if scope_settings(options, {"preset": ""}) is not None:
        troubles.append(f"scope: it is part of the methods here; write --methods {EXAMPLE}")
    least = {"together": options.together, "workers": options.workers}
    troubles += [f"{name}: {n}; give 0 or more" for name, n in least.items() if n < 0]
    troubles += distance_troubles(options)
    troubles += target_troubles([options.out / "results.json"], True)
    troubles += _against_troubles(options, [each.name for each in chosen])
    prompts: list[str] = []
    if options.prompts_file:
        try:
            read, ranges = texts.read_file(options.prompts_file)
            prompts = list(read)
            if ranges:
                troubles.append(
                    f"prompts-file: {options.prompts_file} gives ranges, but here each prompt is a "
                    "video, or several share one evenly (--scenes); leave them out"
                )
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


def _against_troubles(options: argparse.Namespace, chosen: Sequence[str]) -> list[str]:
    """chosen: names of methods."""
    from .films import films

    if options.against in (None, *chosen):
        return []
    try:
        there = [film.method for film in films(options.out, frameless=True)]
    except ValueError:  # no folder yet, or nothing in it
        there = []
    known = dict.fromkeys([*chosen, *there])
    if options.against in known:
        return []
    return [f"against: {options.against}, but there are {', '.join(known)}; give one of them"]


def flags(story: str | None) -> argparse.ArgumentParser:
    """story: what the program does."""
    to = parser(PROGRAM, story, NOTES)
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
    group.add_argument("--seed", type=seed, default=0, help="the first (default: 0)")
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
