"""Attention and its softmax over several sets of keys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.filled import filled
from tests.tolerances import BF16, EXACT, FP64
from vinf_jax.nn import attention
from vinf_jax.nn.attention import Attention, attend, merge_heads, softmax_over, split_heads


def heads(seed, tokens, count=2, size=4, batch=3):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.standard_normal((batch, tokens, count, size)))


def plain(query, key, value):
    scores = np.einsum("nthd,nshd->nhts", query, key) / np.sqrt(query.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("nhts,nshd->nthd", weights / weights.sum(-1, keepdims=True), value)


def test_attention_is_softmax_of_products(x64):
    module = filled(lambda rngs: Attention(5, 2, 4, 7, rngs=rngs))
    rng = np.random.default_rng(1)
    x, source = rng.standard_normal((3, 6, 5)), rng.standard_normal((3, 9, 7))
    q, k, v = (
        (a @ np.asarray(layer.kernel)).reshape(3, -1, 2, 4)
        for a, layer in ((x, module.to_q), (source, module.to_k), (source, module.to_v))
    )
    out = plain(q, k, v).reshape(3, 6, 8) @ np.asarray(module.to_out.kernel)
    expected = out + np.asarray(module.to_out.bias)
    assert np.abs(module(jnp.asarray(x), jnp.asarray(source)) - expected).max() < FP64


@pytest.mark.parametrize("queries, limit", [(12, 30), (7, 10), (5, 1), (6, 10**6)])
def test_slices_of_queries_change_nothing(x64, monkeypatch, queries, limit):
    monkeypatch.setattr(attention, "SLICE", limit)
    query, key, value = heads(1, queries), heads(2, 10), heads(3, 10)
    assert np.abs(attend(query, key, value) - plain(query, key, value)).max() < FP64


def test_one_head_after_the_other_changes_nothing(x64, monkeypatch):
    monkeypatch.setattr(attention, "LONG", 1)
    given, slope = [jnp.asarray(heads(n, 6)) for n in range(3)], heads(3, 6)
    out, back = jax.vjp(attend, *given)
    expected, back_slow = jax.vjp(lambda q, k, v: softmax_over(q, [(k, v)]), *given)
    assert np.abs(out - plain(*given)).max() < FP64
    assert np.abs(out - expected).max() < FP64
    for fast, slow in zip(back(slope), back_slow(slope), strict=True):
        assert np.abs(fast - slow).max() < FP64


def test_several_sets_are_one_set(x64):
    query, key, value = heads(1, 5), heads(2, 9), heads(3, 9)
    parts = [(key[:, :4], value[:, :4]), (key[:, 4:4], value[:, 4:4]), (key[:, 4:], value[:, 4:])]
    assert np.abs(softmax_over(query, parts) - plain(query, key, value)).max() < FP64


def test_unseen_keys_do_not_count_whatever_they_hold(x64):
    query, key, value = heads(1, 5), heads(2, 9), heads(3, 9)
    seen = [jnp.arange(9) < 6]
    out = softmax_over(query, [(key.at[:, 6:].set(jnp.nan), value)], seen=seen)
    assert np.abs(out - plain(query, key[:, :6], value[:, :6])).max() < FP64


def test_a_query_that_sees_nothing_gets_zero():
    seen = [jnp.zeros((3, 4), bool).at[0].set(True)]
    out = softmax_over(heads(1, 3), [(heads(2, 4), heads(3, 4))], seen=seen)
    assert np.abs(out[:, 1:]).max() == EXACT and np.isfinite(out).all()
    assert np.abs(out[:, 0]).min() > 0


def test_softmax_is_wider_than_bfloat16():
    query, key, value = (heads(n, 300).astype(jnp.bfloat16) for n in (1, 2, 3))
    bias = [jnp.full((), 10000.0)]
    out = softmax_over(query, [(key, value)], bias=bias)
    assert out.dtype == jnp.bfloat16
    wide = [np.asarray(x, np.float64) for x in (query, key, value)]
    assert np.abs(np.asarray(out, np.float64) - plain(*wide)).max() < BF16


def test_heads_split_and_merge_even_without_tokens():
    x = jnp.arange(24.0).reshape(2, 2, 6)
    assert (merge_heads(split_heads(x, 3)) == x).all()
    assert split_heads(x[:, :0], 3).shape == (2, 0, 3, 2)
    assert merge_heads(jnp.zeros((2, 0, 3, 2))).shape == (2, 0, 6)
