"""KL autoencoder of images (Rombach et al., arXiv 2112.10752): 8 times smaller on each side.

The network of Stable Diffusion 2.x, which VideoCrafter2, ModelScope and zeroscope use frame by
frame. Latents are not scaled here; the systems multiply them (0.18215 for those models).
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.attention import attend
from vinf_jax.nn.conv import FrameConv, ResidualBlock, Upsample
from vinf_jax.nn.linear import Dense
from vinf_jax.nn.norm import GroupNorm
from vinf_jax.nn.strips import Picture, filtered, residual

EPSILON = 1e-6


class PixelAttention(nnx.Module):
    """One head over all pixels of a frame; here the projections have biases."""

    def __init__(self, channels: int, groups: int, *, rngs) -> None:
        self.group_norm = GroupNorm(channels, groups, EPSILON, rngs=rngs)
        self.to_q = Dense(channels, channels, rngs=rngs)
        self.to_k = Dense(channels, channels, rngs=rngs)
        self.to_v = Dense(channels, channels, rngs=rngs)
        self.to_out = Dense(channels, channels, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        tokens = self.group_norm(x).reshape(*x.shape[:2], -1, x.shape[-1])
        heads = [part(tokens)[..., None, :] for part in (self.to_q, self.to_k, self.to_v)]
        return x + self.to_out(attend(*heads)[..., 0, :]).reshape(x.shape)


class Middle(nnx.Module):
    """Residual block, attention, residual block."""

    def __init__(self, channels: int, groups: int, *, rngs) -> None:
        self.resnets = nnx.List([_residual(channels, channels, groups, rngs) for _ in range(2)])
        self.attentions = nnx.List([PixelAttention(channels, groups, rngs=rngs)])

    def __call__(self, x: Array) -> Array:
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class PaddedDownsample(nnx.Module):
    """3x3 convolution of stride 2, one pixel of zeros at the right and at the bottom only."""

    def __init__(self, channels: int, *, rngs) -> None:
        self.conv = nnx.Conv(channels, channels, (3, 3), 2, padding=((0, 1), (0, 1)), rngs=rngs)

    def __call__(self, x: Array) -> Array:
        out = self.conv(x.reshape(-1, *x.shape[2:]))
        return out.reshape(*x.shape[:2], *out.shape[1:])


class Level(nnx.Module):
    """Residual blocks at one resolution, then the way to the next, if there is one."""

    def __init__(
        self, inputs: int, outputs: int, layers: int, groups: int, resize, *, rngs
    ) -> None:
        widths = [inputs] + [outputs] * (layers - 1)
        self.resnets = nnx.List([_residual(width, outputs, groups, rngs) for width in widths])
        if resize is PaddedDownsample:
            self.downsamplers = nnx.List([resize(outputs, rngs=rngs)])
        if resize is Upsample:
            self.upsamplers = nnx.List([resize(outputs, rngs=rngs)])

    def __call__(self, x: Array) -> Array:
        resize = getattr(self, "downsamplers", getattr(self, "upsamplers", ()))
        for layer in (*self.resnets, *resize):
            x = layer(x)
        return x


class Encoder(nnx.Module):
    def __init__(
        self, inputs: int, outputs: int, channels: Sequence[int], layers: int, groups: int, *, rngs
    ) -> None:
        self.conv_in = FrameConv(inputs, channels[0], rngs=rngs)
        resize = [PaddedDownsample] * (len(channels) - 1) + [None]
        widths = zip([channels[0], *channels], channels, resize, strict=False)
        self.down_blocks = nnx.List(
            [Level(i, o, layers, groups, r, rngs=rngs) for i, o, r in widths]
        )
        self.mid_block = Middle(channels[-1], groups, rngs=rngs)
        self.conv_norm_out = GroupNorm(channels[-1], groups, EPSILON, rngs=rngs)
        self.conv_out = FrameConv(channels[-1], outputs, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.conv_in(x)
        for level in self.down_blocks:
            x = level(x)
        return self.conv_out(jax.nn.silu(self.conv_norm_out(self.mid_block(x))))


class Decoder(nnx.Module):
    def __init__(
        self, inputs: int, outputs: int, channels: Sequence[int], layers: int, groups: int, *, rngs
    ) -> None:
        channels = list(reversed(channels))
        self.conv_in = FrameConv(inputs, channels[0], rngs=rngs)
        self.mid_block = Middle(channels[0], groups, rngs=rngs)
        resize = [Upsample] * (len(channels) - 1) + [None]
        widths = zip([channels[0], *channels], channels, resize, strict=False)
        self.up_blocks = nnx.List(
            [Level(i, o, layers + 1, groups, r, rngs=rngs) for i, o, r in widths]
        )
        self.conv_norm_out = GroupNorm(channels[-1], groups, EPSILON, rngs=rngs)
        self.conv_out = FrameConv(channels[-1], outputs, rngs=rngs)

    def __call__(self, x: Array, tile: int | None = None) -> Array:
        picture = Picture(self.mid_block(self.conv_in(x)), tile)
        for level in self.up_blocks:
            for block in level.resnets:
                picture = picture.then(residual(block, picture))
            for upsample in getattr(level, "upsamplers", ()):
                picture = picture.then(picture.x, upsample)
        return filtered(self.conv_norm_out, self.conv_out, picture)


class AutoencoderKL(nnx.Module):
    """Images (N, H, W, 3) in [-1, 1] to latents (N, H/8, W/8, latent_channels) and back.

    channels: width per level; every level but the last halves the picture. layers: residual blocks
    per level on the way down (one more on the way up).
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        latent_channels: int = 4,
        channels: Sequence[int] = (128, 256, 512, 512),
        layers: int = 2,
        norm_groups: int = 32,
        rngs,
    ) -> None:
        moments = 2 * latent_channels
        self.encoder = Encoder(in_channels, moments, channels, layers, norm_groups, rngs=rngs)
        self.quant_conv = FrameConv(moments, moments, 1, rngs=rngs)
        self.post_quant_conv = FrameConv(latent_channels, latent_channels, 1, rngs=rngs)
        sizes = (channels, layers, norm_groups)
        self.decoder = Decoder(latent_channels, in_channels, *sizes, rngs=rngs)

    def encode(self, images: Array) -> tuple[Array, Array]:
        """Mean and log variance of the latents' distribution."""
        moments = self.quant_conv(self.encoder(images[None]))[0]
        mean, log_variance = jnp.split(moments, 2, axis=-1)
        return mean, jnp.clip(log_variance, -30, 20)

    def decode(self, latents: Array, tile: int | None = None) -> Array:
        """Images in about [-1, 1]; the caller clips.

        tile: pixels of a picture that the layers after the attention compute at once, all if not
        given (`nn.strips`): the same pictures from half the memory, for a quarter more work.
        """
        return self.decoder(self.post_quant_conv(latents[None]), tile)[0]


def _residual(inputs: int, outputs: int, groups: int, rngs) -> ResidualBlock:
    return ResidualBlock(inputs, outputs, groups=groups, epsilon=EPSILON, rngs=rngs)
