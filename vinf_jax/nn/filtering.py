"""Convolutions of three taps with fewer multiplications: minimal filtering, known by Winograd's
name.

Lavin and Gray, arXiv 1509.09308, section 4, F(2x2, 3x3) and, for kernels of one column, F(2, 3).

Two neighbouring outputs of three taps take four products in place of six: four sums of the inputs
under them, each times a sum of the taps. Along both sides of a picture that is 16 in place of 36.
"""

import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

Pair = tuple[int, int]
TAPS = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
"""How the four sums of three taps are made of them."""
FEATURES, MANY = 64, 256
"""Features from which on this takes less time on a CPU: where all of it fits the cache, and with
3x3 taps always."""
PIXELS = 512
"""In all pictures, below which it does not: summing the taps takes as long. Of one column they must
be at least twice as many as features."""
CACHE = 6 * 2**20
"""Numbers that a CPU's cache holds."""


def together(x: Sequence[int], kernel: Sequence[int]) -> int:
    """How many pictures of x (N, H, W, I) are convolved at once, so that the sums and products stay
    in the cache; 0 if a CPU's plain convolution is as good or better."""
    number, *size, inputs = x
    outputs, pixels = kernel[-1], math.prod(size)
    features = min(inputs, outputs)
    sides = {(3, 3): 2, (3, 1): 1}.get(tuple(kernel[:2]))
    if not sides or number * pixels < PIXELS or features < FEATURES:
        return 0
    fit = CACHE // (2**sides * pixels * (inputs + outputs))
    if sides == 1:
        pays = fit and number * pixels >= 2 * max(inputs, outputs)
    else:
        pays = fit or features >= MANY
    if not pays:
        return 0
    return max(n for n in range(1, number + 1) if number % n == 0 and n <= max(fit, 1))


def filtered(x: Array, kernel: Array, padding: Pair, many: int) -> Array:
    """Convolution of stride 1: x (N, H, W, I), kernel (3, 3 or 1, I, O), zeros added (above and
    below, left and right); so many pictures at once, of which N is a multiple."""
    height, width, *features = kernel.shape
    taps = np.kron(TAPS, TAPS) if width == 3 else TAPS
    sums = jnp.asarray(taps, kernel.dtype) @ kernel.reshape(height * width, -1)
    sums = sums.reshape(-1, *features)
    groups = x.reshape(-1, many, *x.shape[1:])
    if len(groups) == 1:
        return _filtered(x, sums, padding)
    out = lax.map(lambda group: _filtered(group, sums, padding), groups)
    return out.reshape(len(x), *out.shape[2:])


def _filtered(x: Array, sums: Array, padding: Pair) -> Array:
    """By a kernel whose taps have these sums: matrices of (I, O), 16 of 3x3 taps, 4 of 3x1."""
    square = len(sums) == 16
    height = x.shape[1] + 2 * padding[0] - 2
    width = x.shape[2] + 2 * padding[1] - 2 * square
    odd = height % 2, square * (width % 2)
    pads = [(p, p + n) for n, p in zip(odd, padding, strict=True)]
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    under = jnp.stack(_sums(padded, 1))
    if square:
        under = jnp.stack(_sums(under, 3), 1)
    # In one piece of memory: fused into the products they would be computed several times over.
    rows = lax.optimization_barrier(under).reshape(len(sums), -1, x.shape[-1])
    products = jnp.einsum("kni,kio->kno", rows, sums).reshape(*under.shape[:-1], -1)
    pairs = jnp.stack(_outputs(products), -3)
    if square:
        pairs = jnp.stack(_outputs(pairs), -2)
    tall = 2 * under.shape[-3]
    return pairs.reshape(len(x), tall, -1, products.shape[-1])[:, :height, :width]


def _sums(x: Array, axis: int) -> tuple[Array, ...]:
    """Of the inputs under each pair of outputs along this axis."""
    last = x.shape[axis] - 3
    a, b, c, d = (lax.slice_in_dim(x, n, n + last, 2, axis) for n in range(4))
    return a - c, b + c, c - b, b - d


def _outputs(products: Array) -> tuple[Array, Array]:
    """The pair of outputs of the four products on the first axis."""
    a, b, c, d = products
    return a + b + c, b - c - d
