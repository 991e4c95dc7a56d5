"""Layers of large pictures, strip by strip: the same answer from less memory.

A strip is some rows of a picture over its whole width. A 3x3 convolution reads one row more on
either side; GroupNorm's statistics are those of the whole picture, taken before. So nothing is
blended and there are no seams. What lies between two layers is there as a whole, what lies within
one is not, and neither is an enlarged picture: its rows are computed whenever they are read.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax

from vinf_jax.nn.conv import FrameConv, ResidualBlock, Upsample, doubled
from vinf_jax.nn.norm import GroupNorm
from vinf_jax.nn.portions import room

FINE = 4
"""What is too large is cut into strips of this part of what is not: a layer takes a few arrays of a
strip, beside those of the picture."""


class Picture:
    """Pictures that are read in strips: x (B, F, H, W, C), or what `enlarge` makes of it.

    pixels: of a picture, that are computed at once; None is all. count: rows of a strip, always as
    many, an even number of an enlarged picture. height, width: of the pictures.
    """

    def __init__(self, x: Array, pixels: int | None, enlarge: Upsample | None = None) -> None:
        self.x, self.enlarge, self._pixels = x, enlarge, pixels
        least = 2 if enlarge else 1
        self.height, self.width = (least * side for side in x.shape[2:4])
        self.count = self.height
        if pixels is not None and self.height * self.width > pixels:
            most = max(least, pixels // (FINE * self.width))
            fitting = range(least, most + 1, least)
            self.count = max(n for n in fitting if self.height % n == 0)

    @property
    def whole(self) -> Array | None:
        """All of it, if that is no more than is computed at once."""
        if self.count < self.height:
            return None
        return self.enlarge(self.x) if self.enlarge else self.x

    def then(self, x: Array, enlarge: Upsample | None = None) -> "Picture":
        """The next one."""
        return Picture(x, self._pixels, enlarge)

    def alike(self, x: Array) -> "Picture":
        """Another of this size, cut into the same strips."""
        other = self.then(x)
        other.count = self.count
        return other

    def around(self, start: Array) -> Array:
        """(B, F, count + 2, W, C): a strip with one row more on either side. Where the picture
        ends, the row beyond it is anything finite; see `within`."""
        if not self.enlarge:
            return _around(self.x, start, self.count)
        near = _around(self.x, start // 2, self.count // 2)
        return self.enlarge.conv.inner(doubled(near))

    def strip(self, start: Array) -> Array:
        """(B, F, count, W, C), from row `start` on."""
        return self.around(start)[:, :, 1:-1]

    def within(self, start: Array) -> Array:
        """Which of the rows `around` are rows of the picture, (count + 2, 1, 1)."""
        place = start - 1 + jnp.arange(self.count + 2)
        return ((place >= 0) & (place < self.height))[:, None, None]

    def moments(self, norm: GroupNorm) -> tuple[Array, Array]:
        """The statistics of the whole."""
        starts = jnp.arange(0, self.height, self.count)
        mean, variance = lax.map(lambda start: norm.moments(self.strip(start)), starts)
        middle = mean.mean(0)
        return middle, (variance + (mean - middle) ** 2).mean(0)

    def mapped(self, made: Callable[[Array, Array], Array], onto: Array | None) -> Array:
        """(B, F, H, W, C') of its strips made(start, those of `onto`), in the place of `onto` if
        that is given."""

        def at(n: Array, out: Array) -> Array:
            start = n * self.count
            before = lax.dynamic_slice_in_dim(out, start, self.count, 2)
            return lax.dynamic_update_slice_in_dim(out, made(start, before), start, 2)

        if onto is None:
            like = jax.eval_shape(made, jnp.zeros((), int), self.x)
            shape = (*like.shape[:2], self.height, *like.shape[3:])
            onto = room(jax.ShapeDtypeStruct(shape, like.dtype), self.x)
        return lax.fori_loop(0, self.height // self.count, at, onto)


def residual(block: ResidualBlock, picture: Picture) -> Array:
    """The block, without embedding, of a picture; in the place of its array where that can be."""
    if (whole := picture.whole) is not None:
        return block(whole)
    hidden = picture.alike(filtered(block.norm1, block.conv1, picture))
    shortcut = getattr(block, "conv_shortcut", None)
    if shortcut is None and picture.enlarge is None:
        return filtered(block.norm2, block.conv2, hidden, lambda _, before: before, picture.x)
    shortcut = shortcut or (lambda x: x)
    return filtered(
        block.norm2, block.conv2, hidden, lambda start, _: shortcut(picture.strip(start))
    )


def filtered(
    norm: GroupNorm,
    conv: FrameConv,
    picture: Picture,
    more: Callable[[Array, Array], Array] | None = None,
    onto: Array | None = None,
) -> Array:
    """GroupNorm, SiLU and a 3x3 convolution of a picture; in strips plus what `more` makes of each,
    as in `Picture.mapped`."""
    if more is None and (whole := picture.whole) is not None:
        return conv(jax.nn.silu(norm(whole)))
    mean, variance = picture.moments(norm)

    def made(start: Array, before: Array) -> Array:
        x = jax.nn.silu(norm.by(picture.around(start), mean, variance))
        out = conv.inner(jnp.where(picture.within(start), x, 0))
        return out + more(start, before) if more else out

    return picture.mapped(made, onto)


def _around(x: Array, start: Array, count: int) -> Array:
    """Rows start - 1 to start + count of x, zeros beyond its ends."""
    last = x.shape[2] - 1
    above = lax.dynamic_slice_in_dim(x, jnp.maximum(start - 1, 0), 1, 2)
    below = lax.dynamic_slice_in_dim(x, jnp.minimum(start + count, last), 1, 2)
    own = lax.dynamic_slice_in_dim(x, start, count, 2)
    above, below = above * (start > 0), below * (start + count <= last)
    return jnp.concatenate([above, own, below], axis=2)
