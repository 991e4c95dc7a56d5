"""Attention: the projections, the softmax over one or several sets of keys."""

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from vinf_jax.nn.linear import Dense
from vinf_jax.parallel import gpu

LONG, SLICE = 2**18, 2**22
"""Scores of a head from which a processor takes one head of one frame at a time, and those that it
holds at once, which its caches can keep; longer attentions run in slices of queries."""


class Attention(nnx.Module):
    """Multi-head attention whose queries, keys and values have no bias, whose output has one.

    Parameters: features C of x, keys' features (C if not given), heads and their size.
    """

    def __init__(
        self, features: int, heads: int, head_size: int, source: int | None = None, *, rngs
    ) -> None:
        inner, source = heads * head_size, source or features
        self.heads = heads
        self.to_q = Dense(features, inner, use_bias=False, rngs=rngs)
        self.to_k = Dense(source, inner, use_bias=False, rngs=rngs)
        self.to_v = Dense(source, inner, use_bias=False, rngs=rngs)
        self.to_out = Dense(inner, features, rngs=rngs)

    def keys_values(self, source: Array) -> tuple[Array, Array]:
        return self.to_k(source), self.to_v(source)

    def __call__(self, x: Array, source: Array) -> Array:
        """x (N, T, C) looks at source (N, S, C'). Without mask: every key counts."""
        parts = (self.to_q(x), *self.keys_values(source))
        heads = [split_heads(part, self.heads) for part in parts]
        return self.to_out(merge_heads(attend(*heads)))


def split_heads(x: Array, heads: int) -> Array:
    """(..., T, heads x d) -> (..., T, heads, d)."""
    return x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads)


def merge_heads(x: Array) -> Array:
    """(..., T, heads, d) -> (..., T, heads x d)."""
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])


def attend(query: Array, key: Array, value: Array) -> Array:
    """softmax(q k / sqrt(d)) v over (..., T, heads, d), by the device's own attention if it has
    one; otherwise long ones in slices of queries."""
    rows = math.prod(query.shape[:-3])
    flat = [x.reshape(rows, *x.shape[-3:]) for x in (query, key, value)]
    if gpu.fused(*flat[:2]):
        return by_kernel(*flat).reshape(query.shape)
    return _by_products(query, key, value)


@jax.custom_vjp
def by_kernel(query: Array, key: Array, value: Array, bias: Array | None = None) -> Array:
    """`attend` of (N, T, heads, d) where `gpu.fused` said that cuDNN serves, with a logit bias
    (N, 1, T, S)."""
    return gpu.by_cudnn(query, key, value, bias)


def _forward(query: Array, key: Array, value: Array, bias: Array | None):
    """jax refuses to differentiate cuDNN's attention of an odd number of queries or keys, and
    computes no gradient of a bias that heads share."""
    given = query, key, value, bias
    refused = bias is not None or query.shape[1] % 2 or key.shape[1] % 2
    return jax.vjp(_by_products if refused else gpu.by_cudnn, *given)


by_kernel.defvjp(_forward, lambda back, slope: back(slope))


def _by_products(query: Array, key: Array, value: Array, bias: Array | None = None) -> Array:
    """One head after the other where a processor has much to do with each."""
    if bias is not None:
        return softmax_over(query, [(key, value)], bias=[bias])
    if gpu.on_gpu() or query.shape[-3] * key.shape[-3] < LONG:
        return _in_slices(query, key, value)
    alone = [jnp.moveaxis(x, -2, -3) for x in (query, key, value)]
    rows = [x.reshape(-1, x.shape[-2], 1, x.shape[-1]) for x in alone]
    out = jax.lax.map(lambda row: _in_slices(*row), rows)
    return jnp.moveaxis(out.reshape(alone[0].shape), -3, -2)


def _in_slices(query: Array, key: Array, value: Array) -> Array:
    queries, keys = query.shape[-3], key.shape[-3]
    rows = math.prod(query.shape[:-3])
    scores = rows * query.shape[-2] * queries * keys
    slices = max(1, min(queries, -(-scores // held(rows * query.shape[-2]))))
    while queries % slices:
        slices += 1
    if slices == 1:
        return softmax_over(query, [(key, value)])
    cut = query.reshape(*query.shape[:-3], slices, queries // slices, *query.shape[-2:])
    out = jax.lax.map(lambda q: softmax_over(q, [(key, value)]), jnp.moveaxis(cut, -4, 0))
    return jnp.moveaxis(out, 0, -4).reshape(query.shape)


def held(rows: int) -> int:
    """Scores that are held at once, at most, where attention has no kernel of its own. rows: heads
    of all that attend by themselves."""
    return gpu.SCORES if gpu.on_gpu() else max(1, rows) * SLICE


def softmax_over(
    query: Array,
    sets: Sequence[Sequence[Array]],
    bias: Sequence[Array | float] | Array | None = None,
    seen: Sequence[Array] | None = None,
) -> Array:
    """One softmax over several sets of keys and values, all (..., S, heads, d).

    query: (..., T, heads, d). sets: pairs (key, value).

    bias: per set, added to its logits (..., heads, T, S). seen: per set, which keys count; a query
    that sees none gets 0. The softmax runs in float32, or in the input's dtype if that is wider.
    """
    query = jnp.moveaxis(query, -2, -3) / math.sqrt(query.shape[-1])
    values = [jnp.moveaxis(value, -2, -3) for _, value in sets]
    logits = []
    for n, (key, _) in enumerate(sets):
        scores = query @ jnp.moveaxis(key, -3, -1)
        scores = scores.astype(jnp.promote_types(scores.dtype, jnp.float32))
        if bias is not None:
            scores = scores + bias[n]
        if seen is not None:
            scores = jnp.where(seen[n], scores, -jnp.inf)
        logits.append(scores)
    top = jnp.maximum(_most(logits), jnp.finfo(logits[0].dtype).min)
    weights = [jnp.exp(scores - top) for scores in logits]
    total = _sum([w.sum(-1, keepdims=True) for w in weights])
    out = _sum([w.astype(v.dtype) @ v for w, v in zip(weights, values, strict=True)])
    total = jnp.where(total == 0, 1, total).astype(out.dtype)
    return jnp.moveaxis(out / total, -3, -2)


def _sum(parts: Sequence[Array]) -> Array:
    return functools.reduce(jnp.add, parts)


def _most(logits: Sequence[Array]) -> Array:
    parts = [scores.max(-1, keepdims=True) for scores in logits if scores.shape[-1]]
    return jax.lax.stop_gradient(functools.reduce(jnp.maximum, parts))
