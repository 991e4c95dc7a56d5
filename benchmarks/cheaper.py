"""Cheaper work, on a small model: what each option saves, how far its videos are from those without
it, and whether they still show what their prompts say.

Every setting makes a clip for each of some prompts that training never saw, prompt by prompt in
turns, each time another one first, and stands beside the setting that it is to be like: numbers of
steps beside 50, options beside the model's own settings, int8 beside an exact exchange. Seconds are
those of denoising, without compiling and without the first prompt, in which programs run for the
first time (unless it is the only one); PSNR is of all pixels; a clip follows its prompt if the
judge of the sprites finds all in it that was said. What is recorded grows with every prompt.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from . import record
from .paired import spread

PROMPTS = 8
TRUTH, OWN, SPLIT = "50 steps", "as the model says", "2 devices"
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    TRUTH: (TRUTH, {"steps": 50}),
    OWN: (TRUTH, {}),
    **{f"{n} steps": (TRUTH, {"steps": n}) for n in (12, 8, 6, 4)},
    "guidance in 0.2:0.8": (OWN, {"guidance_steps": (0.2, 0.8)}),
    "guidance in 0:0.5": (OWN, {"guidance_steps": (0.0, 0.5)}),
    "guidance in 0.5:1": (OWN, {"guidance_steps": (0.5, 1.0)}),
    "reuse 2": (OWN, {"reuse": 2}),
    "reuse 3": (OWN, {"reuse": 3}),
    SPLIT: (OWN, {"clips": 2}),
    "2 devices, int8": (SPLIT, {"clips": 2, "exchange": "int8"}),
}
"""By name: the setting that it stands beside, and its arguments of `generate`."""
Runs = Mapping[str, list[dict[str, Any]]]


def main(argv: Sequence[str]) -> int:
    """Measures and writes the record."""
    options = record.parsed(_parser(), argv)
    if not options.weights.is_dir():
        raise ValueError(f"weights: there is no folder {options.weights}")
    jax.config.update("jax_num_cpu_devices", 2)
    from vinf_jax.media.sprites import held_out_prompts
    from vinf_jax.systems.video_infinity import VideoInfinity

    prompts = held_out_prompts(1 if options.rehearse else options.calls)
    model = VideoInfinity.load(options.weights)
    frames = options.frames or model.settings.clip_frames
    if frames < 2:
        raise ValueError(f"frames: {frames}; give 2 or more, for two devices")
    facts = {"frames": frames, "prompts": prompts, "settings": model.settings.to_dict()}
    kept = record.begin("cheaper", argv, options, **facts)
    names = [name for name in SETTINGS if len(jax.devices()) > 1 or SPLIT not in name]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for seed, prompt in enumerate(prompts):
        start = seed % len(names)
        _compare(model, prompt, seed, frames, options.rehearse, runs, names[start:] + names[:start])
        for name in names:
            kept.keep(name, result(name, runs))
    for name in names:
        kept.add(name, result(name, runs))
    return 0


def _compare(
    model: Any, prompt: str, seed: int, frames: int, quick: bool, runs: Runs, order: Sequence[str]
) -> None:
    """Adds a run of one prompt to each setting."""
    from infer.accuracy import clip_answers

    videos = {}
    for name in order:
        wish = dict(SETTINGS[name][1])
        if quick:
            wish["steps"] = 2
        videos[name] = model.generate([prompt], frames=frames, seed=seed, **wish)
        answers = clip_answers(videos[name], prompt, model.settings.fps)
        runs[name].append({"seconds": model.timings["denoise"], "right": answers})
    for name, video in videos.items():
        truth = videos[SETTINGS[name][0]]
        runs[name][-1]["square"] = float(np.mean((video.astype(np.float64) - truth) ** 2))


def result(name: str, runs: Runs) -> dict[str, Any]:
    """What the runs of a setting say so far. psnr: None where every pixel is the same."""
    beside, wish = SETTINGS[name]
    mine, others = runs[name], runs[beside]
    spent, theirs = ([run["seconds"] for run in each[1:] or each] for each in (mine, others))
    square = float(np.mean([run["square"] for run in mine]))
    questions = sorted({question for run in mine for question in run["right"]})
    return {
        "beside": beside,
        "wish": wish,
        "seconds": spread(spent),
        "ratio": spread([a / b for a, b in zip(spent, theirs, strict=True)]),
        "psnr": round(float(10 * np.log10(255**2 / square)), 2) if square else None,
        "prompts": len(mine),
        "followed": sum(all(run["right"].values()) for run in mine),
        "right": {
            question: sum(run["right"].get(question, False) for run in mine)
            for question in questions
        },
        "asked": {q: sum(q in run["right"] for run in mine) for q in questions},
        "runs": mine,
    }


def _parser() -> record.Parser:
    to = record.parser("cheaper", __doc__, calls=PROMPTS)
    to.add_argument(
        "--prompts", type=int, dest="calls", default=PROMPTS, metavar="N", help="as --calls"
    )
    to.add_argument("--weights", type=Path, required=True, metavar="DIR", help="a model's folder")
    to.add_argument("--frames", type=int, metavar="N", help="default: a clip of the model's")
    return to
