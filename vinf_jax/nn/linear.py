"""Matrix products, convolutions and GELU in the forms that XLA computes well, gradients included.

On CPU the gradient of a product over several batch axes, and that of a convolution's kernel, are
five times slower than the plain matrix products they are. Same numbers, other order of sums.
"""

import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from vinf_jax.nn.filtering import Pair, filtered, together
from vinf_jax.parallel.gpu import HALF, on_cpu, on_gpu

SMALL = 256
"""Pixels of a picture up to which the kernel's gradient is computed tap by tap."""

FEW, MANY = 160, 1024
"""Pixels and features of a picture that a CPU convolves by one product."""


class Dense(nnx.Linear):
    """Linear layer over the last axis, as one product of two matrices."""

    def __call__(self, inputs: Array, out_sharding=None) -> Array:
        rows = super().__call__(inputs.reshape(-1, inputs.shape[-1]), out_sharding)
        return rows.reshape(*inputs.shape[:-1], rows.shape[-1])


def gelu(x: Array) -> Array:
    """x times the probability of less under the normal distribution (arXiv 1606.08415).

    By erf, in float32 or wider: erfc, as in `jax.nn.gelu`, costs half as much again on a CPU.
    """
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return (wide * (0.5 * lax.erf(math.sqrt(0.5) * wide) + 0.5)).astype(x.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(x: Array, kernel: Array, padding: Pair) -> Array:
    """Convolution of stride 1: x (N, H, W, I), kernel (h, w, I, O), zeros added (above and below,
    left and right)."""
    direct = partial(strided, padding=padding, stride=1)
    many = together(x.shape, kernel.shape)
    if not many or x.dtype in HALF or not on_cpu():
        return direct(x, kernel)
    fewer = partial(filtered, padding=padding, many=many)
    return lax.platform_dependent(x, kernel, cpu=fewer, default=direct)


def strided(x: Array, kernel: Array, padding: Pair, stride: int) -> Array:
    """As `convolve`, of every `stride`-th pixel, with XLA's own gradients."""
    height, width, _, outputs = kernel.shape
    rows = (x.shape[1] + 2 * padding[0] - height) // stride + 1
    columns = (x.shape[2] + 2 * padding[1] - width) // stride + 1
    if _as_product(rows * columns, kernel.shape):
        taps = _taps(x, kernel.shape, padding, stride, (rows, columns))
        weights = kernel.reshape(-1, outputs)
        out = jnp.concatenate(taps, axis=-1).reshape(-1, len(weights)) @ weights
        return out.reshape(-1, rows, columns, outputs)
    pads, strides = [(p, p) for p in padding], (stride, stride)
    return lax.conv_general_dilated(
        x, kernel, strides, pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _as_product(pixels: int, kernel: Sequence[int]) -> bool:
    """Whether so many pixels by a kernel of this shape are better one product of what lies under
    the kernel. XLA swaps picture and kernel where the kernel is the larger one, and is 60 times
    slower; on a CPU it takes up to twice as long for kernels of one pixel, and for few pixels with
    many features."""
    height, width, inputs, outputs = kernel
    if pixels < height * width:
        return True
    many = height == width == 3 and pixels <= FEW and min(inputs, outputs) >= MANY
    return (many or height == width == 1) and not on_gpu()


def _taps(
    x: Array, kernel: Sequence[int], padding: Pair, stride: int, size: Sequence[int]
) -> list[Array]:
    """What each tap of a kernel of this shape is multiplied with: (N, *size, I)."""
    rows, columns = (stride * n for n in size)
    padded = jnp.pad(x, ((0, 0), *[(p, p + stride - 1) for p in padding], (0, 0)))
    return [
        padded[:, i : i + rows : stride, j : j + columns : stride]
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]


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
        return to_x, jax.vjp(lambda k: strided(x, k, padding, 1), kernel)[1](slope)[0]
    flat = slope.reshape(-1, outputs)
    taps = _taps(x, kernel.shape, padding, 1, slope.shape[1:3])
    products = [tap.reshape(-1, inputs).T @ flat for tap in taps]
    return to_x, jnp.stack(products).reshape(kernel.shape)


convolve.defvjp(_forward, _backward)
