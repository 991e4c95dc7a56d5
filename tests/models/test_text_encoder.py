import math

import jax
import numpy as np
import pytest
from flax import nnx

from tests.tolerances import BLOCK, FP64
from vinf_jax.models.text_encoder import TextEncoder
from vinf_jax.nn.parameters import abstract, flat, merge, split

SMALL = {"vocabulary": 11, "length": 7, "width": 12, "heads": 3, "layers": 2, "mlp_ratio": 3}


GRAPH, SHAPES = split(abstract(lambda rngs: TextEncoder(**SMALL, rngs=rngs)))


def randomised(dtype):
    """Parameters of a small encoder, none of them zero, one or small."""
    rng = np.random.default_rng(1)
    return {name: rng.normal(0.3, 0.7, x.shape).astype(dtype) for name, x in SHAPES.items()}


def features(parameters, tokens):
    return jax.jit(lambda p, t: merge(GRAPH, p)(t))(parameters, tokens)


def twin(p, tokens, heads):
    """The same network, slowly: one text, one layer, one head, one query at a time."""

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return centred / spread * p[f"{name}.scale"] + p[f"{name}.bias"]

    def linear(x, name):
        return x @ p[f"{name}.kernel"] + p[f"{name}.bias"]

    def gelu(x):
        return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2

    def attention(x, name):
        q, k, v = (linear(x, f"{name}.{part}_proj") for part in "qkv")
        size = x.shape[-1] // heads
        out = np.zeros_like(x)
        for head in range(heads):
            mine = slice(head * size, (head + 1) * size)
            for n in range(len(x)):
                scores = k[: n + 1, mine] @ q[n, mine] / np.sqrt(size)
                weights = np.exp(scores - scores.max())
                out[n, mine] = weights / weights.sum() @ v[: n + 1, mine]
        return linear(out, f"{name}.out_proj")

    def text(row):
        x = p["token_embedding.embedding"][row] + p["positional_embedding"][: len(row)]
        for layer in range(SMALL["layers"]):
            x = x + attention(norm(x, f"layers.{layer}.ln_1"), f"layers.{layer}.attention")
            inner = gelu(linear(norm(x, f"layers.{layer}.ln_2"), f"layers.{layer}.mlp.fc1"))
            x = x + linear(inner, f"layers.{layer}.mlp.fc2")
        return norm(x, "ln_final")

    return np.stack([text(row) for row in tokens])


TOKENS = np.array([[1, 5, 10, 3, 2, 0, 0], [1, 2, 0, 0, 0, 0, 0]], np.int32)


@pytest.mark.parametrize("length", [7, 4])
def test_matches_the_slow_twin(x64, length):
    parameters, tokens = randomised(np.float64), TOKENS[:, :length]
    out = features(parameters, tokens)
    assert out.dtype == np.float64
    np.testing.assert_allclose(out, twin(parameters, tokens, 3), atol=FP64, rtol=0)


def test_float32_agrees_with_float64():
    parameters = randomised(np.float32)
    out = features(parameters, TOKENS)
    assert out.dtype == np.float32
    wide = {name: x.astype(np.float64) for name, x in parameters.items()}
    np.testing.assert_allclose(out, twin(wide, TOKENS, 3), atol=BLOCK, rtol=0)


def test_a_feature_knows_only_what_came_before():
    parameters, changed = randomised(np.float32), TOKENS.copy()
    changed[:, 4] = 9
    before, after = (np.asarray(features(parameters, tokens)) for tokens in (TOKENS, changed))
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert (np.abs(before[:, 4:] - after[:, 4:]).max(-1) > 0.01).all()


def test_errors_name_length_and_ids():
    model = merge(GRAPH, randomised(np.float32))
    with pytest.raises(
        ValueError, match=r"8 tokens in a text; at most 7 fit.* ids -1, 11; .* 0 to 10"
    ):
        model(np.array([[-1, 11, 3, 3, 3, 3, 3, 3]]))
    with pytest.raises(ValueError, match=r"layers is 0.*; mlp_ratio is -1"):
        TextEncoder(**SMALL | {"layers": 0, "mlp_ratio": -1}, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="heads is 5, which does not divide width 12"):
        TextEncoder(**SMALL | {"heads": 5}, rngs=nnx.Rngs(0))


@pytest.mark.parametrize("id", [-1, 11])
def test_an_id_unseen_by_the_check_gives_nan(id):
    out = features(randomised(np.float32), np.array([[1, id, 2], [1, 3, 2]]))
    assert np.isnan(out[0]).all() and np.isfinite(out[1]).all()


def test_the_start_is_random_where_it_should_be():
    parameters = flat(TextEncoder(**SMALL, rngs=nnx.Rngs(0)))
    assert all(x.any() for name, x in parameters.items() if not name.endswith("bias"))
    first, second = (parameters[f"layers.{n}.mlp.fc1.kernel"] for n in range(2))
    assert (first != second).any()


def test_full_size_is_openclips_text_tower():
    """The published 354,032,641 parameters but layer 24, the projection and the logit scale."""
    parameters = flat(abstract(lambda rngs: TextEncoder(rngs=rngs)))
    layer = 12 * 1024**2 + 13 * 1024
    assert sum(x.size for x in parameters.values()) == 354_032_641 - layer - 1024**2 - 1
    assert len(parameters) == 23 * 16 + 4
    assert parameters["token_embedding.embedding"].shape == (49408, 1024)
    assert parameters["positional_embedding"].shape == (77, 1024)
    assert parameters["layers.22.mlp.fc1.kernel"].shape == (1024, 4096)
