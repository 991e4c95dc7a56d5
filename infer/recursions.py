"""Whether the sprite of videos that are made clip after clip stays what it is."""

from typing import Any

import numpy as np

from vinf_jax.media.judge import kept
from vinf_jax.media.sheet import sheet, spaced

from .accuracy import HEADER, WANTED_JOINED, rates
from .progress import Display
from .report import Report

SHOWN, ON_SHEET = 16, 8
"""Frames of a video on the contact sheet, and videos on it."""


def joins(
    model: Any, display: Display, *, videos: int, together: int, frames: int, seed: int, **how: Any
) -> Report:
    """Of `videos` videos of a `PVDM`, in how many every clip shows the colour and the shape of the
    first one, by the judge.

    `together` of them are made at once, the first ones from `seed`, the next from `seed` + 1.
    """
    answers, samples, captions = [], [], []
    numbers = spaced(frames, SHOWN)
    for start in range(0, videos, together):
        count, own = min(together, videos - start), seed + start // together
        display.title = f"videos {start + 1} to {start + count} of {videos}"
        made = model.generate(frames=frames, videos=count, seed=own, on_step=display, **how)
        for n, video in enumerate(made):
            facts = kept(video, model.clip_frames)
            answers.append(facts | {"both": all(facts.values())})
            if len(samples) < ON_SHEET:
                samples.append(video[numbers])
                captions += [f"seed {own}, video {n}"] * len(numbers)
    found = rates(answers, WANTED_JOINED)
    clips = -(-frames // model.clip_frames)
    return Report(
        title=f"{videos} videos of {clips} clips, {frames} frames: what all clips share",
        header=HEADER,
        rows=[rate.row(name) for name, rate in found.items()],
        record={
            "rates": {name: rate.record() for name, rate in found.items()},
            "videos": [
                {"seed": seed + n // together, "number": n % together, "kept": answer}
                for n, answer in enumerate(answers)
            ],
        },
        picture=sheet(
            np.concatenate(samples),
            numbers * len(samples),
            model.settings.fps,
            captions=captions,
        ),
        reached=all(rate.reached for rate in found.values()),
    )
