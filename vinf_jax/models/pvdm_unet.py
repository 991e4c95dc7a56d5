"""PVDM's diffusion network: one UNet for all three planes of a clip (arXiv 2302.07685).

Every block works on each plane by itself, with the same weights; behind every block but the first
all tokens of all planes look at each other, without positions. What the way up gets to see is what
comes out of that.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.conv import FrameConv
from vinf_jax.nn.embed import NumberEmbedding
from vinf_jax.nn.modulated import EPSILON, ZEROS, ModulatedResidual, PictureAttention
from vinf_jax.nn.norm import GroupNorm
from vinf_jax.nn.planes import AXES, Planes, cut, flatten

Pictures = list[Array]
"""Planes (B, n, h, w, C), those of one size together."""


class Places(nnx.Module):
    """Where the tokens of a clip lie: a learned vector for each frame, row, column and plane, of
    which a token gets those it has. The same row is the same in two planes. All start at zero.

    planes: as large as they are at this level.
    """

    def __init__(self, planes: Planes, channels: int) -> None:
        counts = planes.frames, planes.rows, planes.columns, len(AXES)
        self.frames, self.rows, self.columns, self.planes = (
            nnx.Param(jnp.zeros((n, channels))) for n in counts
        )

    def __call__(self) -> Array:
        """(N, channels)."""
        found = []
        for plane, (down, right) in enumerate(AXES):
            one, other = getattr(self, down), getattr(self, right)
            found.append(one[:, None] + other[None, :] + self.planes[plane])
        return jnp.concatenate([x.reshape(-1, x.shape[-1]) for x in found])


class Block(nnx.Module):
    """Layers on each plane, and an attention over all of them.

    layers: residuals (input channels, output channels, resize) and attentions (channels), in the
    order in which they are applied.
    """

    def __init__(
        self,
        layers: Sequence[tuple[int, int, str] | int],
        *,
        heads: int,
        groups: int,
        embedding: int,
        planes: Planes | None = None,
        rngs,
    ) -> None:
        self.layers = nnx.List(
            [
                PictureAttention(layer, heads, groups=groups, rngs=rngs)
                if isinstance(layer, int)
                else ModulatedResidual(
                    *layer[:2], resize=layer[2], groups=groups, embedding=embedding, rngs=rngs
                )
                for layer in layers
            ]
        )
        last = layers[-1]
        channels = last if isinstance(last, int) else last[1]
        if planes:
            self.places = Places(planes, channels)
        self.across = PictureAttention(channels, heads, groups=groups, rngs=rngs)

    def __call__(self, planes: Pictures, embedding: Array) -> Pictures:
        planes = [self._alone(x, embedding) for x in planes]
        tokens = flatten(planes)
        if hasattr(self, "places"):
            tokens += self.places()
        together = self.across(tokens[:, None, :, None])
        return cut(together[:, 0, :, 0], [x.shape[:-1] for x in planes])

    def _alone(self, x: Array, embedding: Array) -> Array:
        for layer in self.layers:
            x = layer(x, embedding) if isinstance(layer, ModulatedResidual) else layer(x)
        return x


class PVDMUNet(nnx.Module):
    """Noise prediction for latents (B, N, D) of clips.

    Args:
        planes: frames of a clip, rows and columns of its latents; N = `self.planes.tokens`. All
            three must be multiples of 2^(levels - 1), since levels halve every side of every plane.
        latent_channels: D, of the latents and of the condition.
        channels: width per level; the first is also that of the time's sinusoid.
        layers: blocks per level on the way down (one more on the way up).
        attention: which levels have attention within a plane. Over all planes each block has one.
        heads: of every attention.
        norm_groups: of every GroupNorm.
        positions: whether every attention over all planes knows where tokens lie (`Places`). The
            public code's do not, and nothing else tells its planes apart.
        remat: gradients compute each block again instead of keeping what it computed.

    Raises:
        ValueError: one message with every size that is impossible.
    """

    def __init__(
        self,
        *,
        planes: Sequence[int] = (16, 32, 32),
        latent_channels: int = 4,
        channels: Sequence[int] = (256, 512, 1024, 1024),
        layers: int = 2,
        attention: Sequence[bool] = (True, True, True, False),
        heads: int = 8,
        norm_groups: int = 32,
        positions: bool = False,
        remat: bool = False,
        rngs,
    ) -> None:
        _check(planes, channels, attention, heads, norm_groups, layers, latent_channels)
        self.planes, self.remat = Planes(*planes), remat
        first, last = channels[0], channels[-1]
        sizes = {"heads": heads, "groups": norm_groups, "embedding": 4 * first, "rngs": rngs}
        self.time_embedding = NumberEmbedding(first, 4 * first, rngs=rngs)
        self.conv_in = FrameConv(2 * latent_channels, first, rngs=rngs)
        down, up = plan(channels, layers, attention)
        same = (last, last, "same")
        every = [*down, [same, last, same], *up]
        where = _levels(self.planes, every) if positions else [None] * len(every)
        blocks = [Block(b, **sizes, planes=p) for b, p in zip(every, where, strict=True)]
        self.down_blocks = nnx.List(blocks[: len(down)])
        self.mid_block = blocks[len(down)]
        self.up_blocks = nnx.List(blocks[len(down) + 1 :])
        self.norm_out = GroupNorm(first, norm_groups, EPSILON, rngs=rngs)
        self.conv_out = FrameConv(first, latent_channels, init=ZEROS, rngs=rngs)

    def __call__(self, latents: Array, time: Array, condition: Array) -> Array:
        """latents (B, N, D), diffusion time (B,) in 0..999, condition (B, N, D), latents of the
        clip before or zeros for none. The noise, (B, N, D).

        Raises:
            ValueError: another N.
        """
        embedding = self.time_embedding(jnp.broadcast_to(time, latents.shape[:1]), latents.dtype)
        both = jnp.concatenate([latents, condition.astype(latents.dtype)], axis=-1)
        x = [self.conv_in(plane) for plane in self.planes.stack(both)]
        skips = [x]
        for block in self.down_blocks:
            x = _step(block, self.remat)(x, embedding)
            skips.append(x)
        x = _step(self.mid_block, self.remat)(x, embedding)
        for block in self.up_blocks:
            x = [jnp.concatenate(pair, axis=-1) for pair in zip(x, skips.pop(), strict=True)]
            x = _step(block, self.remat)(x, embedding)
        return flatten([self.conv_out(jax.nn.silu(self.norm_out(plane))) for plane in x])


def plan(
    channels: Sequence[int], layers: int, attention: Sequence[bool]
) -> tuple[list[list], list[list]]:
    """What the blocks on the way down and up are made of, as `Block` takes it. Between levels
    stands a block of its own on the way down, and a residual in the last block on the way up."""
    down, widths, x = [], [channels[0]], channels[0]
    for level, (out, has) in enumerate(zip(channels, attention, strict=True)):
        for _ in range(layers):
            down.append([(x, out, "same")] + [out] * has)
            widths.append(out)
            x = out
        if level < len(channels) - 1:
            down.append([(out, out, "down")])
            widths.append(out)
    up = []
    for level, (out, has) in reversed(list(enumerate(zip(channels, attention, strict=True)))):
        for n in range(layers + 1):
            block = [(x + widths.pop(), out, "same")] + [out] * has
            up.append(block + [(out, out, "up")] * (n == layers and level > 0))
            x = out
    return down, up


def _levels(planes: Planes, blocks: Sequence[list]) -> list[Planes]:
    """How large the planes are behind each block."""
    found, shrunk = [], 1
    for block in blocks:
        resizes = [layer[2] for layer in block if isinstance(layer, tuple)]
        shrunk = shrunk * 2 ** resizes.count("down") // 2 ** resizes.count("up")
        sides = planes.frames, planes.rows, planes.columns
        found.append(Planes(*(side // shrunk for side in sides)))
    return found


def _step(block: Callable, remat: bool) -> Callable:
    return jax.checkpoint(block.__call__) if remat else block


def _check(planes, channels, attention, heads, groups, layers, latent_channels) -> None:
    troubles = []
    if len(planes) != 3:
        troubles.append(f"planes: {tuple(planes)}; give frames, rows and columns of the latents")
    if len(attention) != len(channels):
        troubles.append(
            f"attention: {len(attention)} entries for {len(channels)} levels of channels"
        )
    for name, n in (("layers", layers), ("latent_channels", latent_channels)):
        if n < 1:
            troubles.append(f"{name}: {n}; it must be 1 or more")
    stride = 2 ** (len(channels) - 1)
    if any(n < 1 or n % stride for n in planes):
        troubles.append(
            f"planes: {' x '.join(map(str, planes))} (frames x rows x columns of the latents), but "
            f"{len(channels)} levels halve them {len(channels) - 1} times, so each must be a "
            f"multiple of {stride}"
        )
    for name, n in (("heads", heads), ("norm_groups", groups)):
        if strange := [width for width in channels if n < 1 or width % n]:
            troubles.append(f"{name}: {n} does not divide channels {strange}")
    if troubles:
        raise ValueError("the UNet cannot be built: " + "; ".join(troubles))
