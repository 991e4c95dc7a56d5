"""First stage: the autoencoder, on single frames of the world."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vinf_jax.media import sprites
from vinf_jax.media.judge import judge, verdict
from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.nn.parameters import abstract, merge, split
from vinf_jax.training.state import State

from .pictures import save_grid, to_bytes, to_unit
from .stage import Phase, log_shares, newest_average, train


def autoencoder(config, out: Path) -> None:
    """Frames of the world through the autoencoder: reconstruction and a light pull of the latents
    to a normal distribution."""
    t = config.train_autoencoder
    sides = dict(zip(("height", "width"), config.size, strict=True))
    model = AutoencoderKL(**config.autoencoder, rngs=nnx.Rngs(config.seed))
    graph, parameters = split(model)

    def loss(parameters, images, key):
        model = merge(graph, parameters)
        mean, log_variance = model.encode(images)
        latents = mean + jnp.exp(log_variance / 2) * jax.random.normal(key, mean.shape)
        error = model.decode(latents) - images
        edges = sum(jnp.abs(jnp.diff(error, axis=axis)).mean() for axis in (1, 2))
        kl = 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).mean()
        off, square = jnp.abs(error).mean(), (error**2).mean()
        return off + t.square * square + t.edges * edges + t.kl * kl, {
            "absolute": off,
            "psnr": 10 * jnp.log10(4 / square),
            "kl": kl,
        }

    def numbers(step: int) -> range:
        return range(step * t.batch, (step + 1) * t.batch)

    def batch(step: int) -> np.ndarray:
        pictures = [sprites.sample(config.seed, n, frames=1, **sides)[2] for n in numbers(step)]
        return to_unit(np.concatenate(pictures))

    def told(step: int) -> str:
        return f"sprites {numbers(step)[0]} to {numbers(step)[-1]} of seed {config.seed}"

    @jax.jit
    def reconstruct(parameters, images):
        model = merge(graph, parameters)
        return model.decode(model.encode(images)[0])

    def picture(step: int, state: State) -> None:
        facts, _, frames = zip(
            *(
                sprites.sample(config.seed, n, split="held_out", frames=1, **sides)
                for n in range(48)
            ),
            strict=True,
        )
        images = np.concatenate(frames)
        decoded = to_bytes(reconstruct(state["average"], to_unit(images)))
        rows = np.concatenate([images[:8], decoded[:8]])
        save_grid(out / "autoencoder" / "samples" / f"step_{step:06d}.png", rows, 8)
        still = [replace(each, motion=None) for each in facts]
        seen = [verdict(judge(x[None]), each) for x, each in zip(decoded, still, strict=True)]
        log_shares(out / "autoencoder" / "judge.jsonl", step, seen)

    phases = [Phase(t.steps, batch, told=told)]
    train(config, t, out / "autoencoder", loss, parameters, phases, picture)


def autoencoder_like(config) -> tuple[Any, dict[str, Any]]:
    """Graph and shapes, without numbers."""
    return split(abstract(lambda rngs: AutoencoderKL(**config.autoencoder, rngs=rngs)))


def trained_autoencoder(config, out: Path) -> AutoencoderKL:
    """The moving average of the newest checkpoint of the first stage."""
    graph, like = autoencoder_like(config)
    return merge(graph, newest_average(config, out / "autoencoder", like, "autoencoder")[1])
