"""What `evaluate` measures: single clips, long videos, agreement of device counts, video files.

Every measure gives a Report. `model` is a `VideoInfinity`, `how` are more arguments of its
`generate`, and `display` is told what is going on.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.media.captions import parse
from vinf_jax.media.judge import judge
from vinf_jax.media.sheet import sheet, spaced
from vinf_jax.media.sprites import held_out_prompts
from vinf_jax.media.video import read_video
from vinf_jax.systems.video_infinity.prompts import even_ranges, longest_crossfade

from . import accuracy
from .accuracy import HEADER, WANTED_CLIPS, WANTED_LONG, Rate, rates
from .progress import Display
from .report import Report

WORST = 2
"""The farthest, of 255, that a pixel may differ between device counts in float32."""


def clips(model: Any, display: Display, *, prompts: Sequence[str], seed: int, **how: Any) -> Report:
    """Single clips of the length that the model was trained with, one for each prompt.

    Clip n has seed `seed` + n.
    """
    frames, fps = model.settings.clip_frames, how.get("fps") or model.settings.fps
    middles, answers = [], []
    for n, prompt in enumerate(prompts):
        display.title = f"clip {n + 1}/{len(prompts)}"
        clip = model.generate([prompt], frames=frames, seed=seed + n, on_step=display, **how)
        middles.append(clip[frames // 2])
        answers.append(accuracy.clip_answers(clip, prompt, fps))
    found = rates(answers, WANTED_CLIPS)
    return Report(
        title=f"{len(prompts)} clips of {frames} frames, judged by what most frames show",
        header=HEADER,
        rows=[rate.row(name) for name, rate in found.items()],
        record={
            "rates": {name: rate.record() for name, rate in found.items()},
            "clips": [
                {"prompt": prompt, "seed": seed + n, "right": answer}
                for n, (prompt, answer) in enumerate(zip(prompts, answers, strict=True))
            ],
        },
        picture=_sorted_sheet(middles, answers),
        reached=all(rate.reached for rate in found.values()),
    )


def pairs(count: int, seed: int) -> list[list[str]]:
    """`count` pairs of held-out prompts, all different."""
    prompts = held_out_prompts(2 * count, seed)
    return [prompts[n : n + 2] for n in range(0, 2 * count, 2)]


def long(
    model: Any,
    display: Display,
    *,
    stories: Sequence[Sequence[str]],
    seed: int,
    frames: int,
    crossfade: int | None = None,
    **how: Any,
) -> Report:
    """Long videos, story n with seed `seed` + n: the frames that show their prompt.

    The prompts of a story share the video evenly; frames that a cross-fade touches do not count.
    """
    fps = how.get("fps") or model.settings.fps
    how |= {"frames": frames, "on_step": display}
    if crossfade is None:
        ranges = [even_ranges(len(prompts), frames) for prompts in stories]
        crossfade = min(model.settings.crossfade, *map(longest_crossfade, ranges))
    videos, samples, captions = [], [], []
    numbers = spaced(frames, 8)
    for n, prompts in enumerate(stories):
        display.title = f"video {n + 1}/{len(stories)}"
        video = model.generate(list(prompts), seed=seed + n, crossfade=crossfade, **how)
        videos.append(_story_answers(video, prompts, crossfade, fps))
        samples.append(video[numbers])
        captions += [f"seed {seed + n}: " + ", then ".join(prompts)] * len(numbers)
    each = [rates(answers, WANTED_LONG) for answers in videos]
    total = rates([answer for answers in videos for answer in answers], WANTED_LONG)
    return Report(
        title=f"{len(stories)} videos of {frames} frames, frame by frame away from the cross-fade",
        header=("", *total, "frames"),
        rows=[_share_row(f"seed {seed + n}", found) for n, found in enumerate(each)]
        + [_share_row("all", total)],
        record={
            "rates": {name: _plain(rate) for name, rate in total.items()},
            "videos": [
                {
                    "prompts": list(prompts),
                    "seed": seed + n,
                    "rates": {name: _plain(rate) for name, rate in found.items()},
                }
                for n, (prompts, found) in enumerate(zip(stories, each, strict=True))
            ],
        },
        picture=sheet(np.concatenate(samples), numbers * len(stories), fps, captions=captions),
        reached=all(rate.reached for rate in total.values()),
        notes=(f"wanted: all three in {WANTED_LONG['all three']:.0%} of all frames",),
    )


def devices(
    model: Any,
    display: Display,
    *,
    prompts: Sequence[str],
    seed: int,
    frames: int,
    clips: Sequence[int],
    **how: Any,
) -> Report:
    """The same video on several device counts, each compared with the first."""
    fps = how.get("fps") or model.settings.fps
    how |= {"frames": frames, "seed": seed, "on_step": display}
    for count in clips:
        model.stream(prompts, clips=count, **how)  # refuses now what it would refuse later
    first, measured, samples, captions = None, [], [], []
    numbers = spaced(frames, 8)
    for count in clips:
        display.title = f"{count} clip{'s' * (count > 1)}"
        start = time.perf_counter()
        video = model.generate(prompts, clips=count, **how)
        seconds = time.perf_counter() - start
        first = video if first is None else first
        worst, psnr = accuracy.difference(first, video)
        measured.append({"clips": count, "worst": worst, "psnr": psnr, "seconds": seconds})
        samples.append(video[numbers])
        captions += [f"{count} clip{'s' * (count > 1)}"] * len(numbers)
    return Report(
        title=f"{frames} frames, each device count compared with {clips[0]}",
        header=("clips", "worst pixel of 255", "PSNR dB", "seconds"),
        rows=[
            (f"{m['clips']}", f"{m['worst']}", f"{m['psnr']:.1f}", f"{m['seconds']:.1f}")
            for m in measured
        ],
        record={
            "prompts": list(prompts),
            "devices": [m | {"psnr": min(m["psnr"], 999.0)} for m in measured],
        },
        picture=sheet(np.concatenate(samples), numbers * len(clips), fps, captions=captions),
        reached=all(m["worst"] <= WORST for m in measured),
        notes=(f"wanted: no pixel farther than {WORST} of 255",),
    )


def video(path: Path, *, prompts: Sequence[str], crossfade: int) -> Report:
    """A video file whose prompts share it evenly, frame by frame away from the cross-fades."""
    frames, fps = read_video(path)
    found = rates(_story_answers(frames, prompts, crossfade, fps), {})
    return Report(
        title=f"{path}: {len(frames)} frames, frame by frame away from the cross-fades",
        header=("", *found, "frames"),
        rows=[_share_row("all", found)],
        record={
            "prompts": list(prompts),
            "rates": {name: _plain(rate) for name, rate in found.items()},
        },
    )


def _story_answers(
    frames: np.ndarray, prompts: Sequence[str], crossfade: int, fps: float
) -> list[accuracy.Answers]:
    ranges = even_ranges(len(prompts), len(frames))
    reading = judge(frames, fps=fps)
    return [
        answer
        for prompt, part in zip(prompts, accuracy.away(ranges, crossfade), strict=True)
        for answer in accuracy.frame_answers(reading.part(*part), parse(prompt))
    ]


def _sorted_sheet(middles: Sequence[np.ndarray], answers: Sequence[accuracy.Answers]) -> np.ndarray:
    """The clips' middle frames by number, those with the same mistakes together."""
    mistakes = [
        ", ".join(name for name, right in answer.items() if not right) for answer in answers
    ]
    order = sorted(range(len(mistakes)), key=lambda n: (mistakes[n], n))
    captions = [f"wrong: {mistakes[n]}" if mistakes[n] else "all right" for n in order]
    return sheet(np.stack([middles[n] for n in order]), order, None, captions=captions)


def _share_row(name: str, found: dict[str, Rate]) -> tuple[str, ...]:
    shares = [f"{rate.share:.1%}" if rate.total else "-" for rate in found.values()]
    return name, *shares, str(max((rate.total for rate in found.values()), default=0))


def _plain(rate: Rate) -> dict[str, Any]:
    """Without the interval, which frames of one video, being alike, do not give."""
    return {name: value for name, value in rate.record().items() if name != "interval"}
