"""Layers of the diffusion UNet of Dhariwal and Nichol (arXiv 2105.05233) over sets of pictures.

Pictures are (B, n, H, W, C), each by itself: statistics and attention stay within one.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.attention import attend, merge_heads, split_heads
from vinf_jax.nn.conv import FrameConv
from vinf_jax.nn.linear import Dense
from vinf_jax.nn.norm import GroupNorm

EPSILON = 1e-5
ZEROS = nnx.initializers.zeros_init()


def halved(x: Array) -> Array:
    """The mean of every 2x2 pixels."""
    batch, count, height, width, channels = x.shape
    return x.reshape(batch, count, height // 2, 2, width // 2, 2, channels).mean((3, 5))


def doubled(x: Array) -> Array:
    """Every pixel twice in both directions."""
    return jnp.repeat(jnp.repeat(x, 2, axis=2), 2, axis=3)


def unchanged(x: Array) -> Array:
    return x


RESIZES = {"same": unchanged, "down": halved, "up": doubled}


class ModulatedResidual(nnx.Module):
    """GroupNorm, SiLU, 3x3 convolution, twice, around a skip. The embedding scales and shifts what
    the second norm puts out; the second convolution starts at zero.

    resize: "same", "down" or "up", on both ways, behind the first SiLU.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        groups: int,
        embedding: int,
        resize: str = "same",
        rngs,
    ) -> None:
        self.resize = resize
        self.norm1 = GroupNorm(inputs, groups, EPSILON, rngs=rngs)
        self.conv1 = FrameConv(inputs, outputs, rngs=rngs)
        self.time_emb_proj = Dense(embedding, 2 * outputs, rngs=rngs)
        self.norm2 = GroupNorm(outputs, groups, EPSILON, rngs=rngs)
        self.conv2 = FrameConv(outputs, outputs, init=ZEROS, rngs=rngs)
        if inputs != outputs:
            self.conv_shortcut = FrameConv(inputs, outputs, 1, rngs=rngs)

    def __call__(self, x: Array, embedding: Array) -> Array:
        """x (B, n, H, W, C), embedding (B, E)."""
        resized = RESIZES[self.resize]
        out = self.conv1(resized(jax.nn.silu(self.norm1(x))))
        modulation = self.time_emb_proj(jax.nn.silu(embedding))[:, None, None, None]
        scale, shift = jnp.split(modulation, 2, axis=-1)
        out = self.conv2(jax.nn.silu(self.norm2(out) * (1 + scale) + shift))
        x = resized(x)
        return out + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class PictureAttention(nnx.Module):
    """All pixels of a picture look at each other, without positions, and are added to it; the
    projections have biases, and the last starts at zero."""

    def __init__(self, channels: int, heads: int, *, groups: int, rngs) -> None:
        self.heads = heads
        self.norm = GroupNorm(channels, groups, EPSILON, rngs=rngs)
        self.to_q = Dense(channels, channels, rngs=rngs)
        self.to_k = Dense(channels, channels, rngs=rngs)
        self.to_v = Dense(channels, channels, rngs=rngs)
        self.to_out = Dense(channels, channels, kernel_init=ZEROS, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """x (B, n, H, W, C)."""
        tokens = self.norm(x).reshape(*x.shape[:2], -1, x.shape[-1])
        projections = (self.to_q, self.to_k, self.to_v)
        heads = [split_heads(part(tokens), self.heads) for part in projections]
        return x + self.to_out(merge_heads(attend(*heads))).reshape(x.shape)
