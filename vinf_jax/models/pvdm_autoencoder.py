"""PVDM's autoencoder: a clip as three planes of latents (Yu et al., arXiv 2302.07685).

A transformer over patches reads the clip; three small ones sum it up along rows, columns and time;
the sum of the three planes, spread over the clip again, goes through a second transformer to
pixels. Latents are in (-1, 1) and have no scale factor; there is no sampling.

Kept because released weights need it: the halves of the rotary angles over frames
(`nn.rotary.frame_table`); a plane is read at the first place of its sequences, not at the learned
token that is appended; planes yt and xt have each other's names (`nn.planes`); no norm behind the
transformers.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.attention import Attention
from vinf_jax.nn.linear import Dense, gelu
from vinf_jax.nn.norm import layer_norm
from vinf_jax.nn.patches import FromPatches, ToPixels
from vinf_jax.nn.planes import NAMES, Planes
from vinf_jax.nn.rotary import Table, frame_table, look_along, patch_table
from vinf_jax.nn.transformer import FeedForward


class ClipLayer(nnx.Module):
    """Each patch looks along time, then over its frame, then a GEGLU; no mask, no class token
    (TimeSformer, arXiv 2102.05095)."""

    def __init__(self, width: int, heads: int, head_size: int, *, rngs) -> None:
        self.norm1 = layer_norm(width, rngs)
        self.time = Attention(width, heads, head_size, rngs=rngs)
        self.norm2 = layer_norm(width, rngs)
        self.space = Attention(width, heads, head_size, rngs=rngs)
        self.norm3 = layer_norm(width, rngs)
        self.ff = FeedForward(width, rngs=rngs)

    def __call__(self, x: Array, frames: Table, patches: Table) -> Array:
        """x (B, F, h x w, C)."""
        along = look_along(self.time, self.norm1(x).swapaxes(1, 2), frames)
        x = x + along.swapaxes(1, 2)
        x = x + look_along(self.space, self.norm2(x), patches)
        return x + self.ff(self.norm3(x))


class ClipTransformer(nnx.Module):
    """Layers over the patches of a clip, which know their places by rotation alone."""

    def __init__(
        self, width: int, layers: int, heads: int, head_size: int, *, remat: bool, rngs
    ) -> None:
        self.head_size, self.remat = head_size, remat
        self.layers = nnx.List(
            [ClipLayer(width, heads, head_size, rngs=rngs) for _ in range(layers)]
        )

    def __call__(self, x: Array) -> Array:
        """x (B, F, h, w, C)."""
        batch, frames, rows, columns, width = x.shape
        places = frame_table(frames, self.head_size), patch_table(rows, columns, self.head_size)
        tokens = x.reshape(batch, frames, rows * columns, width)
        for layer in self.layers:
            tokens = _step(layer, self.remat)(tokens, *places)
        return tokens.reshape(x.shape)


class PlaneLayer(nnx.Module):
    """Attention and an MLP, each on a LayerNorm of its input and added to it."""

    def __init__(self, width: int, heads: int, head_size: int, inner: int, *, rngs) -> None:
        self.norm1 = layer_norm(width, rngs)
        self.attention = Attention(width, heads, head_size, rngs=rngs)
        self.norm2 = layer_norm(width, rngs)
        self.fc1 = Dense(width, inner, rngs=rngs)
        self.fc2 = Dense(inner, width, rngs=rngs)

    def __call__(self, x: Array, seen: Array) -> Array:
        """x (N, T, C) looks at seen (N, S, C)."""
        x = x + self.attention(self.norm1(x), self.norm1(seen))
        return x + self.fc2(gelu(self.fc1(self.norm2(x))))


class Plane(nnx.Module):
    """Sums up sequences of patches of one length, and spreads latents to the patches' width."""

    def __init__(
        self,
        length: int,
        width: int,
        latent_channels: int,
        layers: int,
        heads: int,
        head_size: int,
        inner: int,
        *,
        rngs,
    ) -> None:
        normal = nnx.initializers.normal(1)
        self.token = nnx.Param(normal(rngs.params(), (1, 1, width)))
        self.positions = nnx.Param(normal(rngs.params(), (1, length + 1, width)))
        self.layers = nnx.List(
            [PlaneLayer(width, heads, head_size, inner, rngs=rngs) for _ in range(layers)]
        )
        # A tenth of usual numbers to begin with: of tokens that no norm has seen, tanh would leave
        # 1 and -1, and no slope to learn from.
        small = nnx.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")
        self.to_latent = Dense(width, latent_channels, kernel_init=small, rngs=rngs)
        self.from_latent = Dense(latent_channels, width, rngs=rngs)

    def project(self, x: Array) -> Array:
        """Sequences (B, h, w, T, C) to what tanh makes latents of, (B, h, w, D)."""
        sequences = x.reshape(-1, *x.shape[3:])
        token = jnp.asarray(self.token[...], x.dtype)
        token = jnp.broadcast_to(token, (len(sequences), 1, x.shape[-1]))
        seen = jnp.concatenate([sequences, token], axis=1)
        seen = seen + jnp.asarray(self.positions[...], x.dtype)
        for layer in self.layers[:-1]:
            seen = layer(seen, seen)
        first = self.layers[-1](seen[:, :1], seen)  # only this place is read
        return self.to_latent(first).reshape(*x.shape[:3], -1)


class PVDMAutoencoder(nnx.Module):
    """Videos (B, F, H, W, 3) in [-1, 1] to latents (B, N, D) in (-1, 1) and back.

    Args:
        size: rows and columns of a frame in pixels; one number if both are the same.
        frames: of a clip.
        patch: rows and columns of a patch in pixels.
        width: features of a patch.
        latent_channels: D. N is `planes.tokens`.
        layers, heads, head_size: of the two transformers over patches.
        plane_layers, plane_heads, plane_head_size, plane_inner: of the three over planes;
            plane_head_size is an eighth of the width if not given.
        remat: gradients compute each layer again instead of keeping what it computed.

    Raises:
        ValueError: one message with every size that is impossible.
    """

    def __init__(
        self,
        *,
        size: int | Sequence[int] = 256,
        frames: int = 16,
        patch: int = 8,
        width: int = 384,
        latent_channels: int = 4,
        layers: int = 8,
        heads: int = 8,
        head_size: int = 64,
        plane_layers: int = 4,
        plane_heads: int = 4,
        plane_head_size: int | None = None,
        plane_inner: int = 512,
        remat: bool = False,
        rngs,
    ) -> None:
        height, columns = (size, size) if isinstance(size, int) else size
        plane_head_size = width // 8 if plane_head_size is None else plane_head_size
        _check(
            {"size (height)": height, "size (width)": columns, "frames": frames, "patch": patch}
            | {"width": width, "latent_channels": latent_channels, "layers": layers}
            | {"heads": heads, "head_size": head_size, "plane_layers": plane_layers}
            | {"plane_heads": plane_heads, "plane_head_size": plane_head_size}
            | {"plane_inner": plane_inner}
        )
        self.shape = (frames, height, columns, 3)
        self.planes = Planes(frames, height // patch, columns // patch)
        sizes = (layers, heads, head_size)
        self.from_patches = FromPatches(3, width, patch, rngs=rngs)
        self.encoder = ClipTransformer(width, *sizes, remat=remat, rngs=rngs)
        along = {"xy": frames, "yt": height // patch, "xt": columns // patch}
        rest = (width, latent_channels, plane_layers, plane_heads, plane_head_size, plane_inner)
        self.xy, self.yt, self.xt = (Plane(along[name], *rest, rngs=rngs) for name in NAMES)
        self.decoder = ClipTransformer(width, *sizes, remat=remat, rngs=rngs)
        self.to_pixels = ToPixels(width, 3, patch, rngs=rngs)

    def encode(self, video: Array) -> Array:
        """Latents (B, N, D) of videos (B, F, H, W, 3). Raises ValueError for another F, H or W."""
        return jnp.tanh(self.before_tanh(video))

    def before_tanh(self, video: Array) -> Array:
        """As `encode`, not yet bounded."""
        if video.shape[1:] != self.shape:
            raise ValueError(
                f"video: {_by(video.shape[1:])}, but this autoencoder is built for frames x height "
                f"x width x channels of {_by(self.shape)}"
            )
        x = self.encoder(self.from_patches(video))
        xy = self.xy.project(jnp.moveaxis(x, 1, 3))
        yt = self.yt.project(jnp.moveaxis(x, 2, 3))
        xt = self.xt.project(x)
        return self.planes.join((xy, yt, xt))

    def decode(self, latents: Array) -> Array:
        """Videos (B, F, H, W, 3) in [-1, 1] of latents (B, N, D). Raises ValueError for another
        N."""
        xy, yt, xt = self.planes.split(latents)
        still = self.xy.from_latent(xy)[:, None]
        moving = self.yt.from_latent(yt)[:, :, None] + self.xt.from_latent(xt)[:, :, :, None]
        pixels = self.to_pixels(self.decoder(still + moving))
        return 2 * jax.nn.sigmoid(pixels) - 1


def _step(layer: Callable, remat: bool) -> Callable:
    return jax.checkpoint(layer.__call__) if remat else layer


def _check(sizes: dict[str, int]) -> None:
    troubles = [f"{name} is {n}; it must be 1 or more" for name, n in sizes.items() if n < 1]
    patch = sizes["patch"]
    if not troubles:
        troubles = [
            f"{name} is {sizes[name]}, which patches of {patch} do not divide; the nearest is "
            f"{max(round(sizes[name] / patch), 1) * patch}"
            for name in ("size (height)", "size (width)")
            if sizes[name] % patch
        ]
    if sizes["head_size"] % 4:
        troubles.append(
            f"head_size is {sizes['head_size']}; it must be a multiple of 4, pairs of features "
            "for rows and for columns"
        )
    if troubles:
        raise ValueError("the autoencoder cannot be built: " + "; ".join(troubles))


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
