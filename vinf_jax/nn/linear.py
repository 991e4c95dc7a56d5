"""Matrix products and convolutions in the forms that XLA computes well, gradients included.

On CPU the gradient of a product over several batch axes, and that of a convolution's kernel, are
five times slower than the plain matrix products they are. Same numbers, other order of sums.
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

Pair = tuple[int, int]
SMALL = 256
"""Pixels of a picture up to which the kernel's gradient is computed tap by tap."""


class Dense(nnx.Linear):
    """Linear layer over the last axis, as one product of two matrices."""

    def __call__(self, inputs: Array, out_sharding=None) -> Array:
        rows = super().__call__(inputs.reshape(-1, inputs.shape[-1]), out_sharding)
        return rows.reshape(*inputs.shape[:-1], rows.shape[-1])


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(x: Array, kernel: Array, padding: Pair) -> Array:
    """Convolution of stride 1: x (N, H, W, I), kernel (h, w, I, O), zeros added (above and below,
    left and right)."""
    return _plain(x, kernel, padding)


def _plain(x: Array, kernel: Array, padding: Pair) -> Array:
    pads = [(p, p) for p in padding]
    return lax.conv_general_dilated(
        x, kernel, (1, 1), pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _forward(x: Array, kernel: Array, padding: Pair):
    return convolve(x, kernel, padding), (x, kernel)


def _backward(padding: Pair, saved: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    """To x the flipped kernel; to the kernel one product of matrices per tap, where pictures are
    small (XLA's own way is the faster one on large pictures)."""
    x, kernel = saved
    height, width, inputs, outputs = kernel.shape
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    to_x = convolve(slope, turned, (height - 1 - padding[0], width - 1 - padding[1]))
    if x.shape[1] * x.shape[2] > SMALL:
        return to_x, jax.vjp(lambda k: _plain(x, k, padding), kernel)[1](slope)[0]
    padded = jnp.pad(x, ((0, 0), *[(p, p) for p in padding], (0, 0)))
    rows, columns = slope.shape[1:3]
    flat = slope.reshape(-1, outputs)
    taps = [
        padded[:, i : i + rows, j : j + columns].reshape(-1, inputs).T @ flat
        for i in range(height)
        for j in range(width)
    ]
    return to_x, jnp.stack(taps).reshape(kernel.shape)


convolve.defvjp(_forward, _backward)
