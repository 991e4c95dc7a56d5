"""3x3 convolutions with fewer multiplications: minimal filtering, known by Winograd's name.

Lavin and Gray, arXiv 1509.09308, section 4, F(2x2, 3x3).

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
"""Features from which on this takes less time on a CPU: where all of it fits the cache, and
always."""
PIXELS = 512
"""In all pictures, below which it does not: summing the taps takes as long."""
CACHE = 6 * 2**20
"""Numbers that a CPU's cache holds."""


def together(x: Sequence[int], kernel: Sequence[int]) -> int:
    """How many pictures of x (N, H, W, I) are convolved at once, so that the sums and products stay
    in the cache; 0 if a CPU's plain convolution is as good or better."""
    number, *size, inputs = x
    outputs, pixels = kernel[-1], math.prod(size)
    features = min(inputs, outputs)
    fit = CACHE // (4 * pixels * (inputs + outputs))
    pays = features >= (FEATURES if fit else MANY) and number * pixels >= PIXELS
    if tuple(kernel[:2]) != (3, 3) or not pays:
        return 0
    return max(n for n in range(1, number + 1) if number % n == 0 and n <= max(fit, 1))


def filtered(x: Array, kernel: Array, padding: Pair, many: int) -> Array:
    """Convolution of stride 1: x (N, H, W, I), kernel (3, 3, I, O), zeros added (above and below,
    left and right); so many pictures at once, of which N is a multiple."""
    inputs, outputs = kernel.shape[2:]
    both = jnp.asarray(np.kron(TAPS, TAPS), kernel.dtype)
    sums = (both @ kernel.reshape(9, -1)).reshape(16, inputs, outputs)
    groups = x.reshape(-1, many, *x.shape[1:])
    if len(groups) == 1:
        return _filtered(x, sums, padding)
    out = lax.map(lambda group: _filtered(group, sums, padding), groups)
    return out.reshape(len(x), *out.shape[2:])


def _filtered(x: Array, sums: Array, padding: Pair) -> Array:
    """By a kernel whose taps have these sums, 16 matrices of (I, O)."""
    height, width = (n + 2 * p - 2 for n, p in zip(x.shape[1:3], padding, strict=True))
    pads = [(p, p + n % 2) for n, p in zip((height, width), padding, strict=True)]
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    under = jnp.stack(_sums(jnp.stack(_sums(padded, 1)), 3), 1)
    # In one piece of memory: fused into the products they would be computed several times over.
    rows = lax.optimization_barrier(under).reshape(16, -1, x.shape[-1])
    products = jnp.einsum("kni,kio->kno", rows, sums).reshape(*under.shape[:-1], -1)
    pairs = jnp.stack(_outputs(jnp.stack(_outputs(products), 3)), 4)
    tall, wide = 2 * under.shape[3], 2 * under.shape[4]
    return pairs.reshape(len(x), tall, wide, -1)[:, :height, :width]


def _sums(x: Array, axis: int) -> tuple[Array, ...]:
    """Of the inputs under each pair of outputs along this axis."""
    last = x.shape[axis] - 3
    a, b, c, d = (lax.slice_in_dim(x, n, n + last, 2, axis) for n in range(4))
    return a - c, b + c, c - b, b - d


def _outputs(products: Array) -> tuple[Array, Array]:
    """The pair of outputs of the four products on the first axis."""
    a, b, c, d = products
    return a + b + c, b - c - d
