"""Long work in portions, one after the other: the same answer from less memory."""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import Array, lax


def in_portions(
    function: Callable[..., Array],
    cut: Sequence[Array],
    size: int | None,
    whole: Sequence[Array] = (),
    axis: int = 1,
) -> Array:
    """function(*cut, *whole), computed for at most `size` entries of one axis at a time.

    cut: arrays (B, ..., S, ...) of one S on that axis. The function must treat entries of axis 0
    and of that axis each by itself, and keep both axes. whole: arrays (B, ...) that all portions of
    an entry of axis 0 are given. size: None, or S and more, computes everything in one call. A
    result of the first array's shape takes its place, portion by portion, so that a chain of such
    calls needs one.
    """
    batch, length = cut[0].shape[0], cut[0].shape[axis]
    if size is None or length <= size:
        return function(*cut, *whole)
    size, count = _even(length, size)

    def at(n: Array, start: Array, size: int, out: Array) -> Array:
        """`out` with the portion of entry n that begins at `start` computed from it."""
        arrays = (out, *cut[1:]) if in_place else cut
        parts = [_slice(_slice(x, n, 1, 0), start, size, axis) for x in arrays]
        part = function(*parts, *[_slice(x, n, 1, 0) for x in whole])
        corner = [n] + [jnp.zeros((), start.dtype)] * (out.ndim - 1)
        corner[axis] = start
        return lax.dynamic_update_slice(out, part, corner)

    like = jax.eval_shape(function, *cut, *whole)
    in_place = (like.shape, like.dtype) == (cut[0].shape, cut[0].dtype)
    out = cut[0] if in_place else room(like, cut[0])
    out = lax.fori_loop(
        0, batch * count, lambda n, out: at(n // count, n % count * size, size, out), out
    )
    rest = length - count * size
    if not rest:
        return out
    start = jnp.asarray(count * size)
    return lax.fori_loop(0, batch, lambda n, out: at(n, start, rest, out), out)


def _even(length: int, most: int) -> tuple[int, int]:
    """(size, count) of portions of at most `most`: equal ones that leave no rest, if these are not
    less than half as long as they may be."""
    fewest = math.ceil(length / most)
    even = [count for count in range(fewest, 2 * fewest) if length % count == 0]
    count = even[0] if even else length // most
    return (length // count, count) if even else (most, count)


def room(like: jax.ShapeDtypeStruct, x: Array) -> Array:
    """An array for results, all of which will be written. It holds a number of x, so that it need
    not be there before x is, and lies on the same devices."""
    return jnp.broadcast_to(x[(0,) * x.ndim].astype(like.dtype), like.shape)


def _slice(x: Array, start: Array, size: int, axis: int) -> Array:
    return lax.dynamic_slice_in_dim(x, start, size, axis)
