"""Several videos that differ in seed and prompts alone, made in one call of the network for each
step: a GPU that one short video leaves idle makes many in nearly the same time."""

from collections.abc import Iterator, Sequence

import numpy as np

from vinf_jax.systems.video_infinity.making import Making, Told


def together(makings: Sequence[Making], on_step: Told = None) -> Iterator[np.ndarray]:
    """The videos, uint8 (F, H, W, 3), in order. Each is the one that is made alone: latents agree
    to 1e-8 in float64, pixels of float32 to 2 of 255. What is not given to one of the videos must
    be the same for all, in `VideoInfinity.begin`.

    on_step: told about the stages, of all videos at once.

    Raises:
        ValueError: videos in waves or with given frames, with prompts of different number, or whose
            frames other processes hold.
    """
    for making in makings:
        making.refuse_parts()
    troubles = _troubles(makings)
    if troubles:
        raise ValueError("; ".join(troubles))
    return _videos(makings, on_step)


def _videos(makings: Sequence[Making], on_step: Told) -> Iterator[np.ndarray]:
    first, *others = makings
    latents = first.beside(others, on_step=on_step)
    frames = latents.shape[1]
    found: list[np.ndarray] = []
    for pixels in first.decode(latents.reshape(-1, *latents.shape[2:]), on_step=on_step):
        found.append(pixels)
        whole = np.concatenate(found)
        while len(whole) >= frames:
            yield whole[:frames]
            whole = whole[frames:]
        found = [whole]


def _troubles(makings: Sequence[Making]) -> list[str]:
    """Why these videos cannot be made in one call."""
    troubles = []
    if any(len(making.waves) > 1 or any(making.waves[0].known) for making in makings):
        troubles.append(
            "wave: several videos at once are made in one call each, without waves and given "
            "frames; leave these out, or make one video at a time"
        )
    counts = sorted({len(making.request.prompts) for making in makings})
    if len(counts) > 1:
        troubles.append(f"prompts: {counts[0]} to {counts[-1]} a video; give each as many")
    return troubles
