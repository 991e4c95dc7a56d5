"""The 3-D UNet of ModelScope, zeroscope and VideoCrafter2 (arXiv 2308.06571, 2401.09047).

Spatial layers work on each frame alone; temporal convolutions and temporal transformers join the
frames, and reach them only through the context, so the network never knows where it runs.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.context import Context
from vinf_jax.nn.conv import Downsample, FrameConv, ResidualBlock, Upsample
from vinf_jax.nn.embed import NumberEmbedding
from vinf_jax.nn.norm import GroupNorm
from vinf_jax.nn.temporal import TemporalConv
from vinf_jax.nn.transformer import SpatialTransformer, TemporalTransformer

EPSILON = 1e-5
FIRST_HEADS = 8
"""Heads of the transformer behind the first convolution, whatever the width."""


class Level(nnx.Module):
    """Units of one resolution: residual block, temporal convolution and, where the level has
    attention, a spatial and a temporal transformer."""

    def __init__(
        self,
        widths: Sequence[tuple[int, int]],
        *,
        attention: bool,
        embedding: int,
        head_size: int,
        text: int,
        groups: int,
        rngs,
    ) -> None:
        outs = [out for _, out in widths]
        self.resnets = nnx.List(
            ResidualBlock(i, o, groups=groups, epsilon=EPSILON, embedding=embedding, rngs=rngs)
            for i, o in widths
        )
        self.temp_convs = nnx.List(TemporalConv(out, groups=groups, rngs=rngs) for out in outs)
        with_attention = outs if attention else []
        self.attentions = nnx.List(
            SpatialTransformer(c, c // head_size, head_size, text, groups=groups, rngs=rngs)
            for c in with_attention
        )
        self.temp_attentions = nnx.List(
            TemporalTransformer(c, c // head_size, head_size, groups=groups, rngs=rngs)
            for c in with_attention
        )

    def unit(
        self, n: int, parts: Sequence[Array], embedding: Array, text: Array, context: Context
    ) -> Array:
        """parts: the channels of the input, in order; they are joined frame by frame."""

        def residual(*given: Array) -> Array:
            return self.resnets[n](jnp.concatenate(given[:-1], axis=-1), given[-1])

        x = self.temp_convs[n](context.framewise(residual, parts, (embedding,)), context)
        if self.attentions:
            frames, videos = ((x, text), ()) if text.ndim == 4 else ((x,), (text,))
            x = context.framewise(self.attentions[n], frames, videos)
            x = self.temp_attentions[n](x, context)
        return x


class DownBlock(Level):
    def __init__(self, widths, *, last: bool, rngs, **sizes) -> None:
        super().__init__(widths, rngs=rngs, **sizes)
        if not last:
            self.downsamplers = nnx.List([Downsample(widths[-1][1], rngs=rngs)])

    def __call__(self, x: Array, *given) -> list[Array]:
        """Everything the way up will want, the last one being the output."""
        skips = self.level(x, *given)
        return skips + [down(skips[-1]) for down in getattr(self, "downsamplers", ())]

    def level(self, x: Array, *given) -> list[Array]:
        """Everything of this resolution."""
        skips = []
        for n in range(len(self.resnets)):
            x = self.unit(n, (x,), *given)
            skips.append(x)
        return skips


class MiddleBlock(Level):
    """The only level with one residual block more than transformers."""

    def __init__(self, channels: int, *, rngs, **sizes) -> None:
        super().__init__([(channels, channels)], attention=True, rngs=rngs, **sizes)
        shape = {"groups": sizes["groups"], "rngs": rngs}
        self.resnets.append(
            ResidualBlock(
                channels, channels, epsilon=EPSILON, embedding=sizes["embedding"], **shape
            )
        )
        self.temp_convs.append(TemporalConv(channels, **shape))

    def __call__(self, x: Array, embedding: Array, text: Array, context: Context) -> Array:
        x = self.unit(0, (x,), embedding, text, context)
        x = context.framewise(self.resnets[1], (x,), (embedding,))
        return self.temp_convs[1](x, context)


class UpBlock(Level):
    def __init__(self, widths, *, last: bool, rngs, **sizes) -> None:
        super().__init__(widths, rngs=rngs, **sizes)
        if not last:
            self.upsamplers = nnx.List([Upsample(widths[-1][1], rngs=rngs)])

    def __call__(self, x: Array, skips: list[Array], *given) -> Array:
        for n in range(len(self.resnets)):
            x = self.unit(n, (x, skips.pop()), *given)
        for up in getattr(self, "upsamplers", ()):
            x = given[-1].framewise(up, (x,))
        return x


class UNet3D(nnx.Module):
    """Noise prediction for videos (B, F, H, W, in_channels).

    channels: width per level; every level but the last halves the picture, so H and W must be
    multiples of 2^(levels - 1). layers: units per level on the way down (one more on the way up).
    attention: which levels have transformers. head_size: features per attention head.
    context_width: features of the text. fps_conditioned: VideoCrafter2's frame rate input.
    """

    def __init__(
        self,
        *,
        in_channels: int = 4,
        out_channels: int = 4,
        channels: Sequence[int] = (320, 640, 1280, 1280),
        layers: int = 2,
        attention: Sequence[bool] = (True, True, True, False),
        head_size: int = 64,
        context_width: int = 1024,
        norm_groups: int = 32,
        fps_conditioned: bool = True,
        rngs,
    ) -> None:
        if len(attention) != len(channels):
            raise ValueError(
                f"attention: {len(attention)} entries for {len(channels)} levels of channels"
            )
        first, last = channels[0], channels[-1]
        inner = 4 * first
        sizes = {
            "embedding": inner,
            "head_size": head_size,
            "text": context_width,
            "groups": norm_groups,
        }
        self.stride = 2 ** (len(channels) - 1)
        self.conv_in = FrameConv(in_channels, first, rngs=rngs)
        self.time_embedding = NumberEmbedding(first, inner, rngs=rngs)
        if fps_conditioned:
            self.fps_embedding = NumberEmbedding(first, inner, rngs=rngs)
        self.transformer_in = TemporalTransformer(
            first, FIRST_HEADS, head_size, groups=norm_groups, rngs=rngs
        )
        down, up = _widths(channels, layers)
        self.down_blocks = nnx.List(
            DownBlock(widths, attention=has, last=n == len(down) - 1, rngs=rngs, **sizes)
            for n, (widths, has) in enumerate(zip(down, attention, strict=True))
        )
        self.mid_block = MiddleBlock(last, rngs=rngs, **sizes)
        self.up_blocks = nnx.List(
            UpBlock(widths, attention=has, last=n == len(up) - 1, rngs=rngs, **sizes)
            for n, (widths, has) in enumerate(zip(up, reversed(attention), strict=True))
        )
        self.conv_norm_out = GroupNorm(first, norm_groups, EPSILON, rngs=rngs)
        self.conv_out = FrameConv(first, out_channels, rngs=rngs)

    def __call__(
        self,
        x: Array,
        time: Array,
        text: Array,
        fps: Array | float = 24,
        context: Context | None = None,
    ) -> Array:
        """x (B, F, H, W, C), diffusion time (B,) in 0..999, text (B, N, D) for all frames or
        (B, F, N, D) for each, fps (B,) or one number in frames per second. Result like x."""
        return self.parted(x, time, text, fps, context or Context())[0]

    def parted(
        self,
        x: Array,
        time: Array,
        text: Array,
        fps: Array | float,
        context: Context,
        deep: Array | None = None,
    ) -> tuple[Array, Array]:
        """The answer, and what the deep levels hand to the last one (B, F, H, W, width of the
        second level, or the only one). Given it from an earlier call, only the level of x's own
        resolution is computed (DeepCache, arXiv 2312.00858, there less of it)."""
        if x.shape[2] % self.stride or x.shape[3] % self.stride:
            raise ValueError(
                f"latents: {x.shape[2]}x{x.shape[3]}, but both sides must be multiples of "
                f"{self.stride}"
            )
        embedding = self.time_embedding(jnp.broadcast_to(time, x.shape[:1]), x.dtype)
        if hasattr(self, "fps_embedding"):
            fps = jnp.broadcast_to(jnp.asarray(fps), x.shape[:1])
            embedding = embedding + self.fps_embedding(fps, x.dtype)
        given = (embedding, text.astype(x.dtype), context)
        x = self.transformer_in(self.conv_in(x), context)
        *before, last = self.up_blocks
        skips = [x]
        if deep is None:
            for block in self.down_blocks:
                skips += block(skips[-1], *given)
            deep = self.mid_block(skips[-1], *given)
            for block in before:
                deep = block(deep, skips, *given)
        else:
            skips += self.down_blocks[0].level(x, *given)
        x = last(deep, skips, *given)
        return self.conv_out(jax.nn.silu(self.conv_norm_out(x))), deep


def _widths(channels: Sequence[int], layers: int):
    """(input, output) channels of every residual block, per level, on the way down and up."""
    down, skips, x = [], [channels[0]], channels[0]
    for level, out in enumerate(channels):
        down.append([(x, out)] + [(out, out)] * (layers - 1))
        skips += [out] * (layers + (level < len(channels) - 1))
        x = out
    up = []
    for out in reversed(channels):
        level = []
        for _ in range(layers + 1):
            level.append((x + skips.pop(), out))
            x = out
        up.append(level)
    return down, up
