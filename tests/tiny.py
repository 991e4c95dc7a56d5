"""A whole model that is small enough for tests, every parameter random so that no layer rests."""

import jax.numpy as jnp
import numpy as np

from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.models.autoencoder_kl import AutoencoderKL
from vinf_jax.models.text_encoder import TextEncoder
from vinf_jax.models.tokenizer import WordTokenizer
from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.parameters import abstract, merge, split
from vinf_jax.systems.video_infinity import Settings, VideoInfinity

WORDS = ("a", "red", "blue", "disc", "square", "moves", "left", "right")
LENGTH = 8
ARGUMENTS = {
    "unet": {
        "channels": (16, 16),
        "layers": 1,
        "attention": (False, True),
        "head_size": 8,
        "context_width": 16,
        "norm_groups": 4,
    },
    "autoencoder": {"channels": (8, 8, 8, 8), "layers": 1, "norm_groups": 4},
    "text_encoder": {
        "vocabulary": 3 + len(WORDS),
        "length": LENGTH,
        "width": 16,
        "heads": 2,
        "layers": 1,
    },
}
SMALLEST = {"channels": (16,), "attention": (False,)}
"""Of a UNet: one level, transformers in its middle alone; every kind of layer, and half as much to
compile."""
NETWORKS = {"unet": UNet3D, "autoencoder": AutoencoderKL, "text_encoder": TextEncoder}
SETTINGS = {
    "latent_scale": 0.5,
    "prediction": "v",
    "height": 32,
    "width": 32,
    "fps": 8,
    "clip_frames": 8,
    "steps": 3,
    "guidance": 2.0,
    "scope": {"preset": "video_infinity", "local": 2, "spread": 4},
}


def tiny_network(part: str, seed: int = 0, dtype=jnp.float32, **changes):
    """The UNet, autoencoder or text encoder of `tiny_model`, alone; `changes` to its arguments."""
    arguments = ARGUMENTS[part] | changes
    graph, like = split(abstract(lambda rngs: NETWORKS[part](**arguments, rngs=rngs)))
    return merge(graph, randomised(like, seed, dtype))


def tiny_model(seed: int = 0, dtype=jnp.float32, unet=(), **settings) -> VideoInfinity:
    """32x32 pixels from 4x4 latents, words WORDS; `settings` and the UNet's arguments replace those
    above."""
    arguments = ARGUMENTS | {"unet": ARGUMENTS["unet"] | dict(unet)}
    networks = {part: tiny_network(part, seed, dtype, **arguments[part]) for part in NETWORKS}
    return VideoInfinity(
        **networks,
        tokenizer=WordTokenizer(WORDS, LENGTH),
        schedule=Schedule.scaled_linear(),
        settings=Settings(**SETTINGS | settings),
        arguments=arguments,
        provenance={"made_by": "tests"},
    )


def randomised(like: dict, seed: int, dtype) -> dict:
    """Random values in the shapes of parameters: kernels keep the size of what passes through them,
    norms are near 1, biases small."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, x in like.items():
        noise = rng.standard_normal(x.shape)
        if len(x.shape) > 1:
            noise = noise / np.sqrt(np.prod(x.shape[:-1]))
        else:
            noise = 0.1 * noise + name.endswith("scale")
        made[name] = jnp.asarray(noise, dtype)
    return made
