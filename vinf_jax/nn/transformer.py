"""Transformer blocks over the pixels of a frame and over the frames of a pixel."""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn import abreast
from vinf_jax.nn.attention import Attention
from vinf_jax.nn.context import Context
from vinf_jax.nn.linear import Dense, gelu
from vinf_jax.nn.norm import GroupNorm, layer_norm
from vinf_jax.nn.tables import Table

EPSILON = 1e-6
"""GroupNorm at the door of every transformer; the rest of the network uses 1e-5."""


class GEGLU(nnx.Module):
    """value * gelu(gate), value and gate the two halves of one projection (arXiv 2002.05202)."""

    def __init__(self, features: int, inner: int, *, rngs) -> None:
        self.proj = Dense(features, 2 * inner, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        value, gate = jnp.split(self.proj(x), 2, axis=-1)
        return value * gelu(gate)


class FeedForward(nnx.Module):
    """GEGLU to four times the width and back."""

    def __init__(self, features: int, *, rngs) -> None:
        self.gate = GEGLU(features, 4 * features, rngs=rngs)
        self.out = Dense(4 * features, features, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.out(self.gate(x))


class Block(nnx.Module):
    """Two attentions and a feed-forward, each on a LayerNorm of its input and added to it."""

    def __init__(
        self, features: int, heads: int, head_size: int, source: int | None = None, *, rngs
    ) -> None:
        self.norm1 = layer_norm(features, rngs)
        self.attn1 = Attention(features, heads, head_size, rngs=rngs)
        self.norm2 = layer_norm(features, rngs)
        self.attn2 = Attention(features, heads, head_size, source, rngs=rngs)
        self.norm3 = layer_norm(features, rngs)
        self.ff = FeedForward(features, rngs=rngs)

    def fed(self, tokens: Array) -> Array:
        """What the feed-forward makes of tokens (..., C), added to them."""
        return tokens + self.ff(self.norm3(tokens))


class SpatialTransformer(nnx.Module):
    """The pixels of a frame look at each other, then at the text."""

    def __init__(
        self, channels: int, heads: int, head_size: int, text: int, *, groups: int, rngs
    ) -> None:
        inner = heads * head_size
        self.norm = GroupNorm(channels, groups, EPSILON, rngs=rngs)
        self.proj_in = Dense(channels, inner, rngs=rngs)
        self.transformer_blocks = nnx.List([Block(inner, heads, head_size, text, rngs=rngs)])
        self.proj_out = Dense(inner, channels, rngs=rngs)

    def __call__(self, x: Array, text: Array) -> Array:
        """x (B, F, H, W, C); text (B, N, D) for all frames or (B, F, N, D) for each."""
        tokens = self.proj_in(self.norm(x)).reshape(*x.shape[:2], -1, x.shape[-1])
        for block in self.transformer_blocks:
            normed = block.norm1(tokens)
            tokens = tokens + block.attn1(normed, normed)
            tokens = tokens + _look_at_text(block.attn2, block.norm2(tokens), text)
            tokens = block.fed(tokens)
        return x + self.proj_out(tokens).reshape(x.shape)


def _look_at_text(attention: Attention, tokens: Array, text: Array) -> Array:
    """tokens (B, F, T, C). Text that all frames share is projected once for all of them."""
    if text.ndim == 4:
        return attention(tokens, text)
    together = tokens.reshape(tokens.shape[0], -1, tokens.shape[-1])
    return attention(together, text).reshape(tokens.shape)


class TemporalTransformer(nnx.Module):
    """The frames of a pixel look at each other, twice; no position in time, no text.

    The inner width may differ from the channels (the first transformer of the UNet).
    """

    def __init__(self, channels: int, heads: int, head_size: int, *, groups: int, rngs) -> None:
        inner = heads * head_size
        self.norm = GroupNorm(channels, groups, EPSILON, rngs=rngs)
        self.proj_in = Dense(channels, inner, rngs=rngs)
        self.transformer_blocks = nnx.List([Block(inner, heads, head_size, rngs=rngs)])
        self.proj_out = Dense(inner, channels, kernel_init=nnx.initializers.zeros_init(), rngs=rngs)

    def __call__(self, x: Array, context: Context) -> Array:
        """x (B, F, H, W, C)."""
        scope = context.scope
        tokens = self.proj_in(scope.normalise(self.norm, x, context))
        table = scope.table(context)
        if table and abreast.serves(table, self.transformer_blocks[0].attn1, tokens, context):
            return x + self.proj_out(self._abreast(tokens, table, context))
        tokens = fold_space(tokens)
        for block in self.transformer_blocks:
            tokens = tokens + scope.attend(block.attn1, block.norm1(tokens), context)
            tokens = tokens + scope.attend(block.attn2, block.norm2(tokens), context)
            tokens = context.pixelwise(block.fed, tokens)
        return x + self.proj_out(unfold_space(tokens, x.shape))

    def _abreast(self, tokens: Array, table: Table, context: Context) -> Array:
        """tokens (B, F, H, W, C)."""
        for block in self.transformer_blocks:
            for attention, norm in ((block.attn1, block.norm1), (block.attn2, block.norm2)):
                tokens = tokens + abreast.attend(attention, norm(tokens), table, context)
            tokens = context.framewise(block.fed, (tokens,))
        return tokens


def fold_space(x: Array) -> Array:
    """(B, F, H, W, C) -> (B H W, F, C)."""
    return jnp.moveaxis(x, 1, 3).reshape(-1, x.shape[1], x.shape[-1])


def unfold_space(x: Array, shape: tuple[int, ...]) -> Array:
    """(B H W, F, C) -> (B, F, H, W, C), sizes from `shape`, channels from x."""
    batch, frames, height, width, _ = shape
    return jnp.moveaxis(x.reshape(batch, height, width, frames, x.shape[-1]), 3, 1)
