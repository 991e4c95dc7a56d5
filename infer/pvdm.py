"""Makes videos of any length with a PVDM model, each clip from the one before it.

Leaves a video for each, one contact sheet (.png) and a record of how they were made (.json).
"""

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .devices import simulate
from .joins import ADVICE, folder_of
from .options import DTYPES, Flag, add_flags, file, given, parser, refuse
from .outputs import suffix_troubles, target_troubles, write_json
from .progress import Display

PROGRAM = "pvdm"
NOTES = """\
Several videos are OUT-0.mp4, OUT-1.mp4 and so on. A video depends on the seed and its number, not
on --videos or --devices. Exit status: 0, 2 for a mistake in what was asked, 130 when stopped.
"""
SAMPLING = (
    Flag("steps", int, "of the first clip"),
    Flag("later-steps", int, "of each later clip"),
    Flag("candidates", int, "first clips made for each video; the autoencoder says which is best"),
    Flag("guidance", float, "scale towards the clip before; 1 is none"),
    Flag("eta", float, "noise of the steps, 0 to 1"),
)
SHOWN = 16
"""Frames of each video on the contact sheet."""


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    with Display(str(options.out)) as display:
        display.stage("load")
        _run(options, argv, display)
    return 0


def _run(options: argparse.Namespace, argv: list[str], display: Display) -> None:
    videos = _files(options.out, max(options.videos, 1))
    sheet_file, record_file = (options.out.with_suffix(end) for end in (".png", ".json"))
    troubles = suffix_troubles(options.out, ".mp4")
    troubles += target_troubles([*videos, sheet_file, record_file], options.force)
    model, wishes = _model(options, troubles)

    from vinf_jax.media.sheet import save_png

    from . import record

    try:
        pieces = model.stream(**wishes, on_step=display)
        writers = _writers(options, model, videos)
    except ValueError as error:
        troubles.append(str(error))
    refuse(troubles)
    picture = _write(pieces, writers, model.settings.fps, options.frames, display)
    save_png(sheet_file, picture, overwrite=options.force)
    origin = record.of_run(PROGRAM, argv, folder_of(options))
    chosen = {name: value for name, value in wishes.items() if value is not None}
    made = {
        "videos": [str(path) for path in videos],
        "settings": model.settings.to_dict() | chosen,
        "trained": model.provenance,
        "timings": {n: round(x, 3) for n, x in display.watch.seconds().items()},
    }
    write_json(record_file, origin | made, options.force)
    print(_summary(options, model, videos, display))


def _model(options: argparse.Namespace, troubles: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """The model, and the arguments of its `stream`."""
    folder = folder_of(options)
    if not folder.is_dir():
        refuse([*troubles, f"checkpoint: there is no folder {folder}; {ADVICE} FOLDER"])
    simulate(options.devices)
    import jax

    from vinf_jax.systems.pvdm import PRESETS, PVDM

    if options.compile_cache:
        jax.config.update("jax_compilation_cache_dir", str(options.compile_cache))
    preset = PRESETS.get(options.preset, (None, None))
    wishes: dict[str, Any] = dict(zip(("steps", "later_steps"), preset, strict=True))
    wishes |= given(options, SAMPLING)
    wishes |= {name: getattr(options, name) for name in ("frames", "videos", "seed", "devices")}
    try:
        return PVDM.load(folder, dtype=options.dtype or "float32"), wishes
    except ValueError as error:
        refuse([*troubles, f"checkpoint: {error}"])
        raise


def _write(
    pieces: Iterator[tuple[int, Any]], writers: Sequence[Any], fps: float, frames: int, display: Any
) -> Any:
    """Frames to the encoders as they come; the contact sheet of all videos."""
    import numpy as np

    from vinf_jax.media.sheet import sheet, spaced

    numbers, shown = spaced(frames, SHOWN), []
    with contextlib.ExitStack() as stack:
        encoders = [stack.enter_context(writer) for writer in writers]
        for first, clips in pieces:
            display.stage("write", first, frames)
            for encoder, clip in zip(encoders, clips, strict=True):
                encoder.write(clip)
            stop = first + clips.shape[1]
            shown += [clips[:, n - first] for n in numbers if first <= n < stop]
    every = np.stack(shown, axis=1)
    captions = [f"video {n}" for n in range(len(every)) for _ in numbers]
    return sheet(every.reshape(-1, *every.shape[2:]), numbers * len(every), fps, captions=captions)


def _writers(options: argparse.Namespace, model: Any, videos: Sequence[Path]) -> list[Any]:
    from vinf_jax.media.video import VideoWriter

    _, height, width, _ = model.autoencoder.shape
    scale = -(-256 // min(height, width)) if options.scale is None else options.scale
    how = {"scale": scale, "overwrite": options.force}
    return [VideoWriter(path, model.settings.fps, height, width, **how) for path in videos]


def _files(out: Path, videos: int) -> list[Path]:
    if videos == 1:
        return [out]
    return [out.with_stem(f"{out.stem}-{n}") for n in range(videos)]


def _summary(options: argparse.Namespace, model: Any, videos: Sequence[Path], display: Any) -> str:
    seconds = options.frames / model.settings.fps
    spent = ", ".join(f"{stage} {s:.1f}" for stage, s in display.watch.seconds().items())
    names = f"{videos[0]}" if len(videos) == 1 else f"{videos[0]} to {videos[-1]}"
    return f"{names}: {options.frames} frames, {seconds:g} s each\nseconds: {spent}"


def _parser() -> argparse.ArgumentParser:
    to = parser(PROGRAM, __doc__, NOTES)
    to.add_argument(
        "--checkpoint", type=Path, metavar="FOLDER", help="the model (default: the shipped one)"
    )
    to.add_argument("--frames", type=int, default=128, help="of each video (default: 128)")
    to.add_argument("--videos", type=int, default=1, help="how many (default: 1)")
    to.add_argument("--seed", type=int, default=0, help="of all of them (default: 0)")
    to.add_argument("--devices", type=int, default=1, help="that share the videos (default: 1)")
    to.add_argument(
        "--preset", choices=("100/20", "200/200", "400/400"), help="steps, as the paper names them"
    )
    to.add_argument("--dtype", choices=DTYPES, help="of the arithmetic (default: float32)")
    to.add_argument("--compile-cache", type=Path, metavar="FOLDER", help="of compiled programs")
    to.add_argument(
        "--out", type=file, default=Path("out/pvdm.mp4"), help="the video (default: %(default)s)"
    )
    to.add_argument("--force", action="store_true", help="replace files that are there")
    to.add_argument("--scale", type=int, metavar="N", help="enlarge (default: to 256 pixels)")
    add_flags(to.add_argument_group("sampling (default: the model's own settings)"), SAMPLING)
    return to
