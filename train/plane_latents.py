"""Training clips as PVDM's latents, made once with the trained autoencoder."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vinf_jax.media.loader import once
from vinf_jax.models.pvdm_autoencoder import PVDMAutoencoder
from vinf_jax.nn.parameters import merge, split
from vinf_jax.nn.pixels import to_unit

from .footage import opened
from .latents import digest_of
from .stage import bar

TOGETHER = 16
"""Clips that are encoded at a time."""


class PlaneBank(NamedTuple):
    """Pieces of two clips' length, as latents of clips that start at several of their frames.

    latents: float16 (N, W, tokens, D). others: of the same sprites in another shape, as many or
    none. starts: frame of each of the W windows, ascending, the first 0 and the last where the
    second clip starts. black: (N,), whether the first clip is padding.
    """

    latents: np.ndarray
    others: np.ndarray
    starts: np.ndarray
    black: np.ndarray


def plane_bank(config, out: Path, autoencoder: PVDMAutoencoder) -> PlaneBank:
    """The bank beside the run, of its trained autoencoder: as many pieces as `clips` says, one of
    every video if that is 0; made if it is missing, or if another autoencoder or data set made it.
    """
    t = config.train_diffusion
    graph, parameters = split(autoencoder)
    clips = opened(config, out, "train", 2 * config.frames)
    sources = [clips]
    if t.blend:
        sources.append(opened(config, out, "train", 2 * config.frames, reshaped=True))
    starts = np.linspace(0, config.frames, t.windows).round().astype(int)
    count = t.clips or len(clips)
    what = [config.seed, count, starts.tolist(), len(sources)]
    made_by = f"{digest_of(parameters)} {clips.digest} {what}"
    path = out / "diffusion" / "latents.npz"
    if path.exists():
        with np.load(path) as stored:
            if str(stored["made_by"]) == made_by:
                return PlaneBank(**{name: stored[name] for name in PlaneBank._fields})
    encode = jax.jit(lambda p, x: merge(graph, p).encode(to_unit(x)).astype(jnp.float16))
    latents: list[list[Any]] = [[] for _ in sources]
    black = []
    with bar() as progress:
        task = progress.add_task("latents", total=count, loss="none")
        workers, epochs = config.data.workers, -(-count // len(clips))
        coming = [
            once(source, batch=TOGETHER, seed=config.seed, workers=workers, epochs=epochs)
            for source in sources
        ]
        for together in zip(*coming, strict=True):
            for made, (pieces, _) in zip(latents, together, strict=True):
                windows = [pieces[:, s : s + config.frames] for s in starts]
                made.append([_encoded(encode, parameters, x) for x in windows])
            first = together[0][0][:, : config.frames]
            black.append(~first.any(axis=(1, 2, 3, 4)))
            progress.advance(task, len(first))
            if TOGETHER * len(black) >= count:
                break
    made, *others = [
        np.concatenate([np.stack(jax.device_get(each), axis=1) for each in of])[:count]
        for of in latents
    ]
    bank = PlaneBank(made, others[0] if others else made[:0], starts, np.concatenate(black)[:count])
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name("unfinished.npz")
    np.savez(unfinished, **bank._asdict(), made_by=made_by)
    unfinished.replace(path)
    return bank


def _encoded(encode: Any, parameters: Any, clips: np.ndarray) -> jax.Array:
    """float16 latents of up to `TOGETHER` clips, by a program for that many; not waited for, since
    the next clips can be read meanwhile."""
    whole = np.resize(clips, (TOGETHER, *clips.shape[1:]))
    return encode(parameters, whole)[: len(clips)]


def places(bank: PlaneBank, rng: np.random.Generator, batch: int) -> np.ndarray:
    """Where in the bank the pieces of a batch lie; what `drawn` asks of `rng` first."""
    return rng.integers(len(bank.latents), size=batch)


def drawn(
    bank: PlaneBank, rng: np.random.Generator, batch: int, conditional: float, coin: str
) -> dict[str, np.ndarray]:
    """A batch: "target" and the "condition" it follows, float16 (batch, tokens, D).

    With the probability `conditional` a clip's target is the second one and its condition the
    first; otherwise the condition is zero and the target any window. Where the first clip is
    padding, the condition is zero and the target the second one. coin: tossed for every "sample",
    or once for a "batch", as the public code does.

    With sprites in another shape also "other_condition". Either of a pair is taken for the clip.
    """
    chosen = places(bank, rng, batch)
    follows = rng.random(batch if coin == "sample" else 1) < conditional
    follows, black = np.broadcast_to(follows, batch), bank.black[chosen]
    any_window = rng.integers(len(bank.starts), size=batch)
    window = np.where(follows | black, len(bank.starts) - 1, any_window)
    known = (follows & ~black)[:, None, None]
    targets, conditions = bank.latents[chosen, window], bank.latents[chosen, 0]
    none = np.float16(0)
    if not len(bank.others):
        return {"target": targets, "condition": np.where(known, conditions, none)}
    others = bank.others[chosen, 0]
    swapped = (rng.random(batch) < 0.5)[:, None, None]
    condition, other = np.where(swapped, (others, conditions), (conditions, others))
    return {
        "target": np.where(swapped, bank.others[chosen, window], targets),
        "condition": np.where(known, condition, none),
        "other_condition": np.where(known, other, none),
    }
