"""Attention over frames that stay where they are: the scopes' twins, without a GPU."""

import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.filled import filled
from tests.nn.test_scope import FEATURES, PIXELS, TIMES, VIDEOS, attention, numbers_of, tokens, twin
from tests.parallel.clips import quickly, simulated
from tests.tolerances import FP64
from vinf_jax.nn import abreast, tables
from vinf_jax.nn.attention import softmax_over
from vinf_jax.nn.context import surround
from vinf_jax.nn.dual import DualScope
from vinf_jax.nn.scope import Full
from vinf_jax.nn.transformer import TemporalTransformer
from vinf_jax.parallel import gpu
from vinf_jax.parallel.timeline import Whole

CUT = {"local": 3, "spread": 4, "cuts": (4, 9), "strength": 2.0}


@pytest.fixture
def asked(monkeypatch):
    """A GPU as far as tracing asks, whose attention is made of products; its sizes, in a list."""
    sizes = []

    def products(query, key, value, bias=None):
        return softmax_over(query, [(key, value)], None if bias is None else [bias])

    monkeypatch.setattr(gpu, "on_gpu", lambda: True)
    monkeypatch.setattr(gpu, "HALF", (*gpu.HALF, jnp.float64))
    monkeypatch.setattr(gpu, "_serves", lambda *of: not sizes.append(of[:-1]))
    monkeypatch.setattr(gpu, "by_cudnn", products)
    return sizes


def attended(scope, numbers, module, run=None, clips=1, afar=None, portion=None):
    """What the scope makes of `tokens` frame by frame, (N, F, C) as `test_scope.attended` has."""
    x = tokens(len(numbers)).reshape(VIDEOS, PIXELS, len(numbers), FEATURES)
    x = np.moveaxis(x, 1, 2)[:, :, None]

    def one(line, part):
        mine = line.own(jnp.asarray(numbers)[None], part.shape[1])[0]
        far = None if afar is None else jnp.asarray(afar)
        context = surround(
            line, scope, mine, jnp.asarray(TIMES), gapless=False, afar=far, portion=portion
        )
        return abreast.attend(module, part, scope.table(context), context)

    if run is None:
        out = np.asarray(quickly(lambda x: one(Whole(), x))(x))
    else:
        out = np.concatenate(list(run(one, x, clips)), axis=1)[:, : len(numbers)]
    return np.moveaxis(out[:, :, 0], 2, 1).reshape(VIDEOS * PIXELS, len(numbers), FEATURES)


@pytest.mark.parametrize("queries", [64, 4], ids=["at once", "blocks"])
@pytest.mark.parametrize(
    ("scope", "frames", "gaps", "afar"),
    [
        (DualScope(local=3, spread=4), 13, True, None),
        (DualScope(local=0, spread=0), 6, False, None),
        (DualScope(local=9, spread=5, softness=700), 11, True, None),
        (DualScope(local=3, spread=4), 13, True, [0, 1, 2, 12]),
        (DualScope(**CUT, trained=5), 13, False, None),
        (DualScope(**CUT, across=-1.5), 13, False, [0, 3, 8, 10]),
    ],
)
def test_frames_in_place_are_the_twin(x64, asked, monkeypatch, scope, frames, gaps, afar, queries):
    """On one device and on clips, the last of which is filled up."""
    monkeypatch.setattr(tables, "QUERIES", queries)
    monkeypatch.setattr(tables, "KEYS", 2 * queries)
    module, numbers = attention(), numbers_of(frames, gaps)
    expected = twin(scope, numbers, module, afar)
    for where in ((), (simulated, 2), (simulated, 4)):
        assert np.abs(attended(scope, numbers, module, *where, afar=afar) - expected).max() < FP64


def test_portions_of_pixels_are_the_whole(x64, asked, monkeypatch):
    module, numbers, scope = attention(), numbers_of(7, False), DualScope(local=2, spread=2)
    whole = attended(scope, numbers, module)
    assert np.abs(attended(scope, numbers, module, portion=7) - whole).max() < FP64
    monkeypatch.setattr(gpu, "MOST", module.heads)
    assert np.abs(attended(scope, numbers, module) - whole).max() < FP64


@pytest.mark.parametrize(
    ("scope", "sizes"),
    [
        (DualScope(local=2, spread=2), (5, 5, 2 * 4, 8, True)),
        (Full(), (5, 5, 2 * 4, 8, False)),
        (Full(trained=3), None),
        (DualScope(local=2, spread=2, strength=0, spectral=0.5), None),
    ],
)
def test_a_transformer_is_the_same_on_a_gpu(x64, asked, monkeypatch, scope, sizes):
    def build(rngs):
        return TemporalTransformer(12, 2, 8, groups=2, rngs=rngs)

    module = filled(build)
    x = np.random.default_rng(0).standard_normal((2, 5, 2, 2, 12))

    def run(x):
        times = jnp.asarray(TIMES)
        return module(x, surround(Whole(), scope, jnp.arange(5), times, gapless=True))

    found = quickly(lambda x: run(x))(x)
    assert set(asked) == ({sizes} if sizes else set())
    monkeypatch.setattr(gpu, "on_gpu", lambda: False)
    exact = quickly(lambda x: run(x))(x)
    assert np.abs(np.asarray(found - exact)).max() < FP64


def test_one_that_does_not_serve_is_not_used(x64, asked, monkeypatch):
    monkeypatch.setattr(gpu, "_serves", lambda *of: False)
    monkeypatch.setattr(gpu, "by_cudnn", lambda *of: pytest.fail("used"))
    module = filled(lambda rngs: TemporalTransformer(12, 2, 8, groups=2, rngs=rngs))
    context = surround(Whole(), Full(), jnp.arange(5), jnp.asarray(TIMES), gapless=True)
    assert module(jnp.ones((2, 5, 2, 2, 12)), context).shape == (2, 5, 2, 2, 12)
