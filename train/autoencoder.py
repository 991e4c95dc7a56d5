"""First stage: the autoencoder, on single frames of the world."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vinf_jax.media import sprites
from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.nn.parameters import abstract, merge, split
from vinf_jax.training.state import State

from .pictures import save_grid, to_bytes, to_unit
from .stage import newest_average, train


def autoencoder(config, out: Path) -> None:
    """Frames of the world through the autoencoder: reconstruction and a light pull of the latents
    to a normal distribution."""
    t = config.train_autoencoder
    model = AutoencoderKL(**config.autoencoder, rngs=nnx.Rngs(config.seed))
    graph, parameters = split(model)

    def loss(parameters, images, key):
        model = merge(graph, parameters)
        mean, log_variance = model.encode(images)
        latents = mean + jnp.exp(log_variance / 2) * jax.random.normal(key, mean.shape)
        error = model.decode(latents) - images
        kl = 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).mean()
        off, square = jnp.abs(error).mean(), (error**2).mean()
        return off + t.square * square + t.kl * kl, {
            "absolute": off,
            "psnr": 10 * jnp.log10(4 / square),
            "kl": kl,
        }

    def batch(step: int) -> np.ndarray:
        height, width = config.size
        pictures = [
            sprites.sample(config.seed, step * t.batch + i, frames=1, height=height, width=width)[2]
            for i in range(t.batch)
        ]
        return to_unit(np.concatenate(pictures))

    def picture(step: int, state: State) -> None:
        images = batch(0)[:8]
        model = merge(graph, state["average"])
        decoded = np.asarray(jax.jit(lambda x: model.decode(model.encode(x)[0]))(images))
        rows = np.concatenate([images, decoded])
        save_grid(
            out / "autoencoder" / "samples" / f"step_{step:06d}.png", to_bytes(rows), len(images)
        )

    train(config, t, out / "autoencoder", loss, parameters, [(t.steps, batch)], picture)


def trained_autoencoder(config, out: Path) -> AutoencoderKL:
    """The moving average of the newest checkpoint of the first stage."""
    graph, like = split(abstract(lambda rngs: AutoencoderKL(**config.autoencoder, rngs=rngs)))
    return merge(graph, newest_average(out / "autoencoder" / "checkpoints", like)[1])
