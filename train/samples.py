"""What the second stage is shown: frames of stored clips, their words, which are seen early."""

from typing import NamedTuple

import numpy as np

from .latents import Bank

SEEN = ("any", "first")


class Kind(NamedTuple):
    """The batches of one phase; in a config every field is a `phase_...` with a value per phase.

    frames: of a sample, `stride` frames of the clip apart. batch: samples of a step. share: of the
    samples, whose times are drawn from `from_` .. `to` - 1 instead of all. known: share of the
    samples of which one frame is seen early, "any" one or the "first" (`seen`). only: share of the
    samples that are drawn from clips whose captions say one of the words `about`.
    """

    frames: int
    stride: int
    batch: int
    share: float
    from_: int
    to: int
    known: float
    seen: str
    only: float
    about: str


def kinds(config) -> list[Kind]:
    """The phases of a `train_diffusion`."""
    columns = (config[f"phase_{name.rstrip('_')}"] for name in Kind._fields)
    return [Kind(*row) for row in zip(*columns, strict=True)]


def batch(
    bank: Bank,
    empty: np.ndarray,
    about: np.ndarray,
    kind: Kind,
    step: int,
    *,
    seed: int,
    unconditional: float,
) -> dict[str, np.ndarray]:
    """The batch of a step, which depends on seed and step alone.

    empty: tokens (L,) of no caption, told instead of a share `unconditional` of the captions.
    about: token ids of the phase's words of this name.

    Returns:
      latents (B, F, H, W, C), tokens (B, L), share (B,), focus (B, 2): of the times, the first and
      one behind the last; known (B, F) where the phase has such frames.

    Raises:
      ValueError: no clip says one of the words.
    """
    rng = np.random.default_rng((seed, step))
    reach = (kind.frames - 1) * kind.stride + 1
    chosen = places(bank, about, kind, rng)
    first = rng.integers(bank.latents.shape[1] - reach + 1, size=kind.batch)
    told = rng.random(kind.batch) >= unconditional
    parts = [
        bank.latents[c][f : f + reach : kind.stride] for c, f in zip(chosen, first, strict=True)
    ]
    made = {
        "latents": np.stack(parts),
        "tokens": np.where(told[:, None], bank.tokens[chosen], empty),
        "share": np.full(kind.batch, kind.share, np.float32),
        "focus": np.full((kind.batch, 2), (kind.from_, kind.to), np.int32),
    }
    if kind.known:
        made["known"] = one_of(rng, kind.batch, kind.frames, kind.known, kind.seen)
    return made


def places(bank: Bank, about: np.ndarray, kind: Kind, rng: np.random.Generator) -> np.ndarray:
    """Where in the bank the clips of a batch lie; what `batch` asks of `rng` first.

    Raises:
      ValueError: as `batch`.
    """
    chosen = rng.integers(len(bank.latents), size=kind.batch)
    if not kind.only:
        return chosen
    say = np.flatnonzero(np.isin(bank.tokens, about).any(axis=1))
    if not len(say):
        raise ValueError(
            f"train_diffusion.phase_about: no caption of {len(bank.tokens)} clips says one of "
            f"{kind.about!r}; give words of the captions, or more clips"
        )
    some = rng.random(kind.batch) < kind.only
    return np.where(some, say[rng.integers(len(say), size=kind.batch)], chosen)


def one_of(
    rng: np.random.Generator, size: int, frames: int, share: float, seen: str = "any"
) -> np.ndarray:
    """(size, frames), true for one frame, any or the first, of a random share of the clips."""
    place = rng.integers(frames, size=(size, 1)) if seen == "any" else 0
    return (np.arange(frames) == place) & (rng.random((size, 1)) < share)
