"""Measures a model of the procedural sprite world, a video of it, or folders of any videos.

Leaves a table on the screen, the same and more as JSON, and a contact sheet (.png) beside it.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import evaluate_measures, evaluate_vbench, folders, joins
from .loading import loaded, weights_of
from .options import (
    SAMPLING,
    add_model,
    config_of,
    file,
    given,
    parser,
    refuse,
    scope_settings,
    seed,
)
from .outputs import suffix_troubles, target_troubles, write_json
from .progress import Display

PROGRAM = "evaluate"
NOTES = "Exit status: 0, 1 where what is wanted was not reached, 2 for a mistake in what was asked."
DEMO = (
    "a red circle moves right over a plain gray background",
    "a yellow square moves left over a plain gray background",
)

Announce = Callable[[str], None]


def main(argv: list[str]) -> int:
    options, rest = _parser().parse_known_args(argv)
    if MEASURES[options.measure].model:
        config_of(options, rest)
    elif rest:
        raise ValueError(f"{rest[0]} is no flag of evaluate {options.measure}; --help lists them")
    out = options.out or Path("out") / f"evaluate-{options.measure}.json"
    picture = out.with_suffix(".png")
    troubles = suffix_troubles(out, ".json") + target_troubles([out, picture], options.force)
    with Display(options.measure) as display:
        display.stage("start")
        report = MEASURES[options.measure].run(options, troubles, display)
        seconds = display.watch.seconds()["total"]
    report.show()
    _write(report, out, picture, options, argv, seconds)
    return 0 if report.reached in (True, None) else 1


def _clips(options: argparse.Namespace, troubles: list[str], display: Display) -> Any:
    if options.prompts < 1:
        troubles.append(f"prompts: {options.prompts}; give 1 or more")
    model, how = _model(options, troubles, 1, {"preset": "base"})
    from vinf_jax.media.sprites import held_out_prompts

    from . import measures

    prompts = held_out_prompts(options.prompts, options.seed)
    return measures.clips(model, display, prompts=prompts, seed=options.seed, **how)


def _long(options: argparse.Namespace, troubles: list[str], display: Display) -> Any:
    if options.seeds < 1:
        troubles.append(f"seeds: {options.seeds}; give 1 or more")
    if options.frames < 1:
        troubles.append(f"frames: {options.frames}; give 1 or more")
    troubles += _unknown(options.prompts or ())
    model, how = _model(options, troubles, options.clips)
    from . import measures

    stories = [options.prompts] * options.seeds
    stories = stories if options.prompts else measures.pairs(options.seeds, options.seed)
    how |= {"clips": options.clips, "frames": options.frames, "seed": options.seed}
    return measures.long(model, display, stories=stories, **how)


def _devices(options: argparse.Namespace, troubles: list[str], display: Display) -> Any:
    model, how = _model(options, troubles, max(options.clips))
    from . import measures

    how |= {"clips": options.clips, "frames": options.frames, "seed": options.seed}
    return measures.devices(model, display, prompts=options.prompts, **how)


def _video(options: argparse.Namespace, troubles: list[str], display: Display) -> Any:
    if options.crossfade < 0:
        troubles.append(f"crossfade: {options.crossfade}; give 0 or more")
    refuse(troubles + _unknown(options.prompts))
    from . import measures

    return measures.video(options.file, prompts=options.prompts, crossfade=options.crossfade)


def _unknown(prompts: Sequence[str]) -> list[str]:
    """Why the judge, which knows the sprites' world, cannot say what these prompts should show."""
    from vinf_jax.media.captions import parse

    found = []
    for text in prompts:
        try:
            parse(text)
        except ValueError as error:
            found.append(f"prompts: {text!r}: {error}")
    return found


def _model(
    options: argparse.Namespace,
    troubles: list[str],
    clips: int,
    scope: dict[str, Any] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """The model, and the arguments of its `generate` that flags gave; `scope` where none did."""
    model = loaded(options, clips * options.guidance_groups, troubles)
    refuse(troubles)
    chosen = scope_settings(options, scope or model.settings.scope)
    how = {"scope": chosen or scope, "guidance_groups": options.guidance_groups}
    return model, how | given(options, SAMPLING)


def _clips_flags(to: argparse.ArgumentParser) -> None:
    to.add_argument("--prompts", type=int, default=64, help="how many (default: %(default)s)")


def _long_flags(to: argparse.ArgumentParser) -> None:
    to.add_argument("--seeds", type=int, default=8, help="how many videos (default: %(default)s)")
    _story_flags(to, 192)
    to.add_argument("--clips", type=int, default=1, help="devices over time (default: 1)")
    to.add_argument(
        "--prompts", nargs="+", help="of all videos (default: two held-out ones for each)"
    )


def _devices_flags(to: argparse.ArgumentParser) -> None:
    _story_flags(to, 48)
    to.add_argument(
        "--clips", type=int, nargs="+", default=[1, 2, 4, 8], help="the counts (default: 1 2 4 8)"
    )
    to.add_argument("--prompts", nargs="+", default=DEMO, help="of the video")


def _story_flags(to: argparse.ArgumentParser, frames: int) -> None:
    to.add_argument("--frames", type=int, default=frames, help="length (default: %(default)s)")


def _video_flags(to: argparse.ArgumentParser) -> None:
    to.add_argument("file", type=Path, help="the video")
    to.add_argument("--prompts", nargs="+", required=True, help="they share the video evenly")
    to.add_argument(
        "--crossfade",
        type=int,
        default=0,
        metavar="N",
        help="frames of it, not judged (default: 0)",
    )


class Measure(NamedTuple):
    """weights: the folder that the figure depends on. model: whether it is of a model, which a
    config and flags name."""

    help: str
    flags: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, list[str], Display], Any]
    weights: Callable[[argparse.Namespace], Path | None] = weights_of
    model: bool = True


MEASURES = {
    "clips": Measure("single clips of held-out prompts", _clips_flags, _clips),
    "long": Measure("frames of long two-prompt videos", _long_flags, _long),
    "devices": Measure("the same video on several device counts", _devices_flags, _devices),
    "measures": Measure(
        "seams, flicker, drift, motion, identity, prompts of a folder of long videos",
        *(evaluate_measures.flags, evaluate_measures.measures, lambda options: None),
        model=False,
    ),
    "vbench": Measure(
        "VBench on clips of a folder of long videos, where it is installed",
        *(evaluate_vbench.flags, evaluate_vbench.vbench, lambda options: None),
        model=False,
    ),
    "video": Measure("a video file", _video_flags, _video, lambda options: None, model=False),
    "joins": Measure(
        "what long videos of PVDM keep from clip to clip",
        *(joins.flags, joins.joins, joins.folder_of),
        model=False,
    ),
    "fvd": Measure(
        "Frechet distance (FVD) of two folders of videos",
        *(folders.fvd_flags, folders.fvd, folders.features_of),
        model=False,
    ),
    "is": Measure(
        "inception score of a folder of videos",
        *(folders.score_flags, folders.score, folders.features_of),
        model=False,
    ),
    "psnr": Measure(
        "PSNR of reconstructions, with --features R-FVD too",
        *(folders.reconstruction_flags, folders.reconstruction, folders.features_of),
        model=False,
    ),
}


def _parser() -> argparse.ArgumentParser:
    to = parser(PROGRAM, __doc__, NOTES)
    several = to.add_subparsers(dest="measure", required=True, metavar="MEASURE")
    for name, measure in MEASURES.items():
        one = several.add_parser(
            name, help=measure.help, description=measure.help, epilog=NOTES, allow_abbrev=False
        )
        measure.flags(one)
        one.add_argument("--seed", type=seed, default=0, help="the first (default: 0)")
        one.add_argument("--out", type=file, help="the JSON (default: out/evaluate-MEASURE.json)")
        one.add_argument("--force", action="store_true", help="replace files that are there")
        if measure.model:
            one.add_argument("--guidance-groups", type=int, default=1, help="1 or 2 (default: 1)")
            add_model(one)
    return to


def _write(
    report: Any,
    out: Path,
    picture: Path,
    options: argparse.Namespace,
    argv: list[str],
    seconds: float,
) -> None:
    from vinf_jax.media.sheet import save_png

    from . import record

    origin = record.of_run(PROGRAM, argv, MEASURES[options.measure].weights(options))
    head = {"measure": options.measure, "reached": report.reached, "seconds": round(seconds, 1)}
    write_json(out, head | report.record | origin, options.force)
    if report.picture is not None:
        save_png(picture, report.picture, overwrite=options.force)
    print("written:", *([out] if report.picture is None else [out, picture]))
