"""Maxima of neighbouring cells of (B, F, H, W, C)."""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array, lax


def max_pool(x: Array, window: Sequence[int], stride: Sequence[int]) -> Array:
    """Maxima over windows (frames, rows, columns); there are ceil(size / stride) along each axis.

    What hangs over the ends is left out, the odd cell at the end. This is TensorFlow's SAME, and
    Chainer's `cover_all` where windows do not overlap.
    """
    sizes, steps = (1, *window, 1), (1, *stride, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, sizes, steps, "SAME")


def halved(x: Array) -> Array:
    """Maxima of 2x2 pixels of (N, H, W, C); an odd row or column at the end is left out.

    Not a window reduction, whose gradient is slow on CPU.
    """
    count, rows, columns, channels = x.shape
    x = x[:, : rows // 2 * 2, : columns // 2 * 2]
    return x.reshape(count, rows // 2, 2, columns // 2, 2, channels).max((2, 4))
