"""A clip's latents as three planes: one without time, two that move (Yu et al., arXiv 2302.07685).

The names are the public code's, which swapped two of them: yt has frames and columns, xt has frames
and rows. Tokens of a clip are those of xy, yt, xt one after the other, each plane row by row.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import jax.numpy as jnp
from jax import Array

NAMES = ("xy", "yt", "xt")
AXES = (("rows", "columns"), ("frames", "columns"), ("frames", "rows"))
"""What each plane has downwards and to the right."""
Size = tuple[int, int]


@dataclass(frozen=True)
class Planes:
    """The planes of a clip of this many frames, whose latents have these rows and columns.

    Raises:
        ValueError: nothing along one of them.
    """

    frames: int
    rows: int
    columns: int

    def __post_init__(self) -> None:
        counts = {"frames": self.frames, "rows": self.rows, "columns": self.columns}
        if troubles := [f"{name} is {n}" for name, n in counts.items() if n < 1]:
            raise ValueError(f"planes: {', '.join(troubles)}; each must be 1 or more")

    @property
    def sizes(self) -> tuple[Size, Size, Size]:
        """Of xy, yt and xt."""
        xy, yt, xt = ((getattr(self, down), getattr(self, right)) for down, right in AXES)
        return xy, yt, xt

    @property
    def tokens(self) -> int:
        """Of all three planes."""
        return sum(map(math.prod, self.sizes))

    def split(self, latents: Array) -> tuple[Array, Array, Array]:
        """(B, N, D) -> xy, yt and xt, each (B, h, w, D). Raises ValueError for another N."""
        self._check(latents)
        like = [(latents.shape[0], *size) for size in self.sizes]
        xy, yt, xt = cut(latents, like)
        return xy, yt, xt

    def join(self, planes: Sequence[Array]) -> Array:
        """xy, yt and xt, each (B, h, w, D), -> (B, N, D)."""
        return flatten(planes)

    def stack(self, latents: Array) -> list[Array]:
        """(B, N, D) -> planes (B, n, h, w, D), those of the same size beside each other as one, so
        that what treats every plane alike treats them together. Raises ValueError as `split`."""
        self._check(latents)
        runs = [(size, len(list(same))) for size, same in groupby(self.sizes)]
        return cut(latents, [(latents.shape[0], count, *size) for size, count in runs])

    def means(self, latents: Array) -> Array:
        """(B, N, D) -> of each plane, (B, 3, D)."""
        return jnp.stack([plane.mean((1, 2)) for plane in self.split(latents)], axis=1)

    def spread(self, means: Array) -> Array:
        """(B, 3, D) -> (B, N, D), every token that of its plane."""
        counts = jnp.asarray([math.prod(size) for size in self.sizes])
        return jnp.repeat(means, counts, axis=1, total_repeat_length=self.tokens)

    def _check(self, latents: Array) -> None:
        if latents.shape[1] != self.tokens:
            sizes = ", ".join(
                f"{name} {h}x{w}" for name, (h, w) in zip(NAMES, self.sizes, strict=True)
            )
            raise ValueError(
                f"latents: {latents.shape[1]} tokens, but the planes have {self.tokens} ({sizes})"
            )


def flatten(pictures: Sequence[Array]) -> Array:
    """(B, ..., D) each -> (B, N, D), one after the other."""
    return jnp.concatenate([x.reshape(x.shape[0], -1, x.shape[-1]) for x in pictures], axis=1)


def cut(tokens: Array, shapes: Sequence[Sequence[int]]) -> list[Array]:
    """(B, N, D) -> arrays of these shapes, without D. The inverse of `flatten`."""
    ends = [sum(math.prod(s[1:]) for s in shapes[: n + 1]) for n in range(len(shapes) - 1)]
    parts = jnp.split(tokens, ends, axis=1)
    return [
        part.reshape(*shape, tokens.shape[-1]) for part, shape in zip(parts, shapes, strict=True)
    ]
