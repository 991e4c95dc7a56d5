"""The training clips as latents, made once with the trained autoencoder."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from vinf_jax.media import sprites
from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.models.tokenizer import WordTokenizer
from vinf_jax.nn.parameters import merge, split

from .pictures import to_unit
from .stage import bar


class Bank(NamedTuple):
    """Clips of the world as scaled latents (N, F, H, W, C) and token ids (N, L)."""

    latents: np.ndarray
    tokens: np.ndarray
    scale: float


def latent_bank(config, out: Path, autoencoder: AutoencoderKL) -> Bank:
    """The training clips through the run's trained autoencoder, once; kept beside the run, and made
    again if another autoencoder, other clips or other words made them."""
    graph, parameters = split(autoencoder)
    path = out / "diffusion" / "latents.npz"
    count, length = config.train_diffusion.clips, config.text_encoder.length
    clips = f"{count} of seed {config.seed}, {config.frames} at {config.fps}, {config.size}"
    words = f"{length} of {' '.join(sprites.WORDS)}"
    made_by = f"{digest_of(parameters)}; {clips}; {words}"
    if path.exists():
        with np.load(path) as stored:
            if "made_by" in stored and str(stored["made_by"]) == made_by:
                return Bank(stored["latents"], stored["tokens"], float(stored["scale"]))
    encode = jax.jit(lambda p, x: merge(graph, p).encode(x)[0])
    tokenizer = WordTokenizer(sprites.WORDS, length)
    height, width = config.size
    latents, captions = [], []
    with bar() as progress:
        task = progress.add_task("latents", total=count, loss="none")
        for index in range(count):
            _, caption, frames = sprites.sample(
                config.seed, index, frames=config.frames, height=height, width=width, fps=config.fps
            )
            latents.append(np.asarray(encode(parameters, to_unit(frames))))
            captions.append(caption)
            progress.advance(task)
    stacked = np.stack(latents)
    scale = float(1 / stacked.std())
    bank = Bank((stacked * scale).astype(np.float16), tokenizer.encode(captions), scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name("unfinished.npz")
    np.savez(unfinished, latents=bank.latents, tokens=bank.tokens, scale=scale, made_by=made_by)
    unfinished.replace(path)
    return bank


def digest_of(parameters: Mapping[str, Any]) -> str:
    """A short name for exactly these parameters."""
    total = hashlib.sha256()
    for name in sorted(parameters):
        total.update(name.encode() + np.asarray(parameters[name]).tobytes())
    return total.hexdigest()[:16]
