"""One picture of several methods: a strip of frames of each, of the same prompt and seed."""

from collections.abc import Sequence

import numpy as np

from vinf_jax.media.sheet import sheet, spaced

from .films import Film

SHOWN = 12
"""Frames of a strip."""


def strips(films: Sequence[Film]) -> np.ndarray | None:
    """The picture of the first prompt and seed that all methods have made a video of, whichever it
    is: nothing is picked. uint8 (rows, columns, 3), None if there is no such prompt, or the videos
    differ in size.

    films: of one length.
    """
    methods = list(dict.fromkeys(film.method for film in films))
    cells = list(dict.fromkeys(film.cell for film in films))
    by = {(film.method, film.cell): film for film in films}
    whole = [cell for cell in cells if all((method, cell) in by for method in methods)]
    if not whole:
        return None
    shown, numbers, captions, fps = [], [], [], None
    for method in methods:
        frames, fps = by[method, whole[0]].read()
        chosen = spaced(len(frames), SHOWN)
        shown.append(frames[chosen])
        numbers += chosen
        if shown[0].shape[1:] != frames.shape[1:]:
            return None
        captions += [method] * len(chosen)
    prompt, seed = whole[0]
    title = prompt if seed is None else f"{prompt} (seed {seed})"
    return sheet(np.concatenate(shown), numbers, fps, captions=captions, title=title, columns=SHOWN)
