"""The Timeline: what a layer may ask of the other frames of its video.

`Whole` holds every frame on one device; `Sharded` holds one clip per device and runs inside a
mapped axis (`shard_map`, or `vmap` with an axis name). Both answer the same questions, so a layer
never knows where it runs. Frames lie on axis 1 of every array, in the order of their numbers; a
frame count that the clips do not divide is padded at the end, and the padding never takes part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from vinf_jax.parallel.dealing import Deal, deal, filled_up
from vinf_jax.parallel.rounded import packed, unpacked

EXCHANGES = ("exact", "int8")
"""How features go to other devices: as they are, or as `rounded.packed`."""
NOWHERE = -(2**30)
"""The number of a frame that does not exist; far from every frame that does."""

Pick = Callable[[Array], Array]
"""Takes some frames of the video, the same on every device, of x (B, F, ...)."""


def spread(frames: int, count: int) -> list[int]:
    """Positions of `count` frames spread evenly over `frames`: floor(k F / G), or all of them."""
    if frames <= count:
        return list(range(frames))
    return [k * frames // count for k in range(count)]


def clip_length(frames: int, clips: int) -> int:
    """Frames per clip, the last clips' padding included."""
    return -(-frames // clips)


@dataclass(frozen=True)
class Whole:
    """Every frame of the video, on one device."""

    def first_frame(self, length: int) -> int:
        """Position in the video of the first of the `length` frames held here."""
        return 0

    def total(self, length: int) -> int:
        """Frames of the video, of which `length` are held here."""
        return length

    def real(self, length: int) -> Array:
        """Which of the `length` frames held here belong to the video (the rest is padding)."""
        return jnp.ones(length, bool)

    def halo(self, x: Array, width: int, fill: float = 0) -> Array:
        """x with `width` more frames on both sides, `fill` where the video has none."""
        pads = [(0, 0)] * x.ndim
        pads[1] = (width, width)
        return jnp.pad(x, pads, constant_values=fill)

    def margin(self, x: Array, width: int) -> tuple[Array, int]:
        """`halo`, or as much of it as must be asked for: x with frames on both sides, and how many
        more there are that are zeros. A convolution adds zeros without copying x."""
        return x, width

    def reached(self, x: Array, near: int, pick: Pick) -> list[Array]:
        """Parts of axis 1 that together hold the frames held here, those up to `near` away from
        them and those that `pick` takes; x itself holds what others need not send."""
        return [x]

    def places(self, length: int, near: int, pick: Pick) -> tuple[Array, Array]:
        """Where the parts of `reached`, joined, have frames -near to length + near (of those that
        the video has not, any), and the picked ones."""
        around = jnp.clip(jnp.arange(-near, length + near), 0, length - 1)
        return around, pick(jnp.arange(length)[None])[0]

    def moments(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """Mean and variance over the video, from those inside each frame (equal weights)."""
        middle = mean.mean(1, keepdims=True)
        return middle, (variance + (mean - middle) ** 2).mean(1, keepdims=True)

    def mean(self, x: Array) -> Array:
        """Mean over the real frames, axis 1 kept with length 1."""
        return x.mean(1, keepdims=True)

    def take(self, x: Array, positions: Sequence[int]) -> Array:
        """The frames at these positions of the video, the same on every device."""
        return jnp.take(x, jnp.asarray(positions, int), axis=1)

    def pick(self, x: Array, positions: Array) -> Array:
        """As `take`, at positions (G,) that only the running program knows."""
        return jnp.take(x, positions, axis=1)

    def sample(self, x: Array, count: int) -> Array:
        """`count` frames evenly spaced over the video (all, if it has no more)."""
        return x if count >= x.shape[1] else self.take(x, spread(x.shape[1], count))

    def anchor(self, x: Array) -> Array:
        """Frame 0 of the video, axis 1 kept with length 1."""
        return x[:, :1]

    def gather(self, x: Array) -> Array:
        """All frames of the video, without padding."""
        return x

    def own(self, whole: Array, length: int) -> Array:
        """Of all frames, the `length` that are held here."""
        return whole


@dataclass(frozen=True)
class Sharded:
    """One clip of a video of `frames` frames that is cut into `clips` clips over mapped `axis`.

    exchange: of EXCHANGES, for floats that `halo` (filled up with zeros), `take`, `pick` and
    `sample` bring (`sample` rounds own frames too where it brings all); statistics, numbers and
    what `gather` brings are exact. What is rounded depends on the cut.
    """

    axis: str
    clips: int
    frames: int
    exchange: str = "exact"

    def first_frame(self, length: int) -> Array:
        return lax.axis_index(self.axis) * length

    def total(self, length: int) -> int:
        return self.frames

    def real(self, length: int) -> Array:
        return self.first_frame(length) + jnp.arange(length) < self.frames

    def halo(self, x: Array, width: int, fill: float = 0) -> Array:
        length = x.shape[1]
        hops = range(1, -(-width // length) + 1)
        part = {d: min(length, width - (d - 1) * length) for d in hops}
        hand = self._from if fill else self._rounded_from
        before = [hand(x[:, length - part[d] :], d) for d in reversed(hops)]
        after = [hand(x[:, : part[d]], -d) for d in hops]
        out = jnp.concatenate([*before, x, *after], axis=1)
        position = self.first_frame(length) + jnp.arange(-width, length + width)
        inside = (position >= 0) & (position < self.frames)
        return jnp.where(_on_frames(inside, x.ndim), out, jnp.asarray(fill, x.dtype))

    def margin(self, x: Array, width: int) -> tuple[Array, int]:
        return self.halo(x, width), 0

    def reached(self, x: Array, near: int, pick: Pick) -> list[Array]:
        return [self.halo(x, near), pick(x)]

    def places(self, length: int, near: int, pick: Pick) -> tuple[Array, Array]:
        around = length + 2 * near
        far = jax.eval_shape(pick, jnp.arange(length)[None]).shape[1]
        return jnp.arange(around), around + jnp.arange(far)

    def _from(self, x: Array, distance: int) -> Array:
        """What the clip `distance` to the left holds. A full ring (vmap knows no other): the
        caller blanks what came around the ends."""
        n = self.clips
        if abs(distance) >= n:
            return x
        return lax.ppermute(x, self.axis, [(i, (i + distance) % n) for i in range(n)])

    def _rounded_from(self, x: Array, distance: int) -> Array:
        return self._open(self._from(self._sent(x), distance), x.dtype)

    def _rounds(self, dtype: Any) -> bool:
        return self.exchange == "int8" and jnp.issubdtype(dtype, jnp.floating)

    def _sent(self, x: Array) -> Array:
        """x as it goes to other devices."""
        return packed(x) if self._rounds(x.dtype) else x

    def _open(self, message: Array, dtype: Any) -> Array:
        """What came from other devices, in the dtype that it had."""
        return unpacked(message, dtype) if self._rounds(dtype) else message

    def moments(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """One small gather of every clip's (count, mean, centred sum of squares), combined as in
        Chan, Golub and LeVeque (1983), so that no large sums cancel."""
        real = _on_frames(self.real(mean.shape[1]), mean.ndim)
        count = real.sum(1, keepdims=True, dtype=mean.dtype)
        count = jnp.broadcast_to(count, mean[:, :1].shape)
        here = jnp.where(real, mean, 0).sum(1, keepdims=True) / jnp.maximum(count, 1)
        squares = jnp.where(real, variance + (mean - here) ** 2, 0).sum(1, keepdims=True)
        count, here, squares = lax.all_gather(jnp.stack([count, here, squares]), self.axis, axis=1)
        total = count.sum(0)
        middle = (count * here).sum(0) / total
        return middle, (squares + count * (here - middle) ** 2).sum(0) / total

    def mean(self, x: Array) -> Array:
        return self.moments(x, jnp.zeros_like(x))[0]

    def take(self, x: Array, positions: Sequence[int]) -> Array:
        """Each clip sends as many frames as the fullest clip owns, or pieces of frames where that
        would be much more than is wanted; the surplus is dropped."""
        length = x.shape[1]
        way = deal(tuple(p // length for p in positions), self.clips) if positions else None
        if way is not None:
            return self._dealt(x, [p % length for p in positions], way)
        owned: list[list[int]] = [[] for _ in range(self.clips)]
        places = []
        for p in positions:
            owned[p // length].append(p % length)
            places.append((p // length, len(owned[p // length]) - 1))
        most = max(map(len, owned), default=0)
        if most == 0:
            return x[:, :0]
        table = jnp.asarray([o + [0] * (most - len(o)) for o in owned])
        mine = self._sent(jnp.take(x, table[lax.axis_index(self.axis)], axis=1))
        everyone = lax.all_gather(mine, self.axis, axis=1, tiled=True)
        wanted = jnp.take(everyone, jnp.asarray([c * most + k for c, k in places]), axis=1)
        return self._open(wanted, x.dtype)

    def _dealt(self, x: Array, places: Sequence[int], way: Deal) -> Array:
        """The frames of a deal; `places` are those in their clips."""
        here = lax.axis_index(self.axis)
        own = [
            [p for p, c in zip(places, way.owners, strict=True) if c == clip]
            for clip in range(self.clips)
        ]
        own = self._sent(jnp.take(x, jnp.asarray(filled_up(own))[here], axis=1))
        frames = jnp.moveaxis(own, 1, 0).reshape(way.most, -1)
        size = frames.shape[1]
        frames = jnp.pad(frames, ((0, 0), (0, -size % way.pieces)))
        pieces = frames.reshape(way.most * way.pieces, -1)
        handed = [
            self._from(pieces[jnp.asarray(rows)[here]], distance)
            for distance, rows in way.sends.items()
        ]
        mine = jnp.concatenate([pieces, *handed])[jnp.asarray(way.keeps)[here]]
        everyone = lax.all_gather(mine, self.axis, axis=0, tiled=True)
        whole = everyone[: len(places) * way.pieces].reshape(len(places), -1)[:, :size]
        whole = whole.reshape(len(places), own.shape[0], *own.shape[2:])
        return self._open(jnp.moveaxis(whole, 0, 1), x.dtype)

    def pick(self, x: Array, positions: Array) -> Array:
        """The clip that owns a frame adds it to the zeros of all others."""
        if not positions.shape[0]:
            return x[:, :0]
        length = x.shape[1]
        places = positions - self.first_frame(length)
        owned = _on_frames((places >= 0) & (places < length), x.ndim)
        mine = self._sent(jnp.take(x, jnp.clip(places, 0, length - 1), axis=1))
        return self._open(lax.psum(jnp.where(owned, mine, 0), self.axis), x.dtype)

    def sample(self, x: Array, count: int) -> Array:
        if count < self.frames:
            return self.take(x, spread(self.frames, count))
        return self._open(self.gather(self._sent(x)), x.dtype)

    def anchor(self, x: Array) -> Array:
        here = jnp.where(lax.axis_index(self.axis) == 0, x[:, :1], jnp.zeros_like(x[:, :1]))
        return lax.psum(here, self.axis)

    def gather(self, x: Array) -> Array:
        return lax.all_gather(x, self.axis, axis=1, tiled=True)[:, : self.frames]

    def own(self, whole: Array, length: int) -> Array:
        pads = [(0, 0)] * whole.ndim
        pads[1] = (0, length * self.clips - self.frames)
        start = self.first_frame(length)
        return lax.dynamic_slice_in_dim(jnp.pad(whole, pads), start, length, axis=1)


Timeline = Whole | Sharded


def over(axis: str, clips: int, frames: int, exchange: str = "exact") -> Timeline:
    """The timeline of a video of so many frames in so many clips over a mapped axis."""
    return Whole() if clips == 1 else Sharded(axis, clips, frames, exchange)


def _on_frames(mask: Array, ndim: int) -> Array:
    """A mask over frames, shaped to meet an array whose axis 1 is frames."""
    return jax.lax.expand_dims(mask, [0, *range(2, ndim)])
