"""What is done on a GPU, tried without one: traced and lowered for CUDA, and its way back."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src.cudnn import fused_attention_stablehlo as cudnn

from tests.nn.filled import filled
from tests.tolerances import BF16, EXACT
from vinf_jax.nn import attention
from vinf_jax.nn.attention import Attention, attend, softmax_over
from vinf_jax.nn.linear import Dense
from vinf_jax.parallel import gpu, traced
from vinf_jax.parallel.mesh import FRAMES, make_mesh, on_mesh


@pytest.fixture
def pretended(monkeypatch):
    """A GPU as far as tracing asks: jax's own questions are answered as an H200 would."""
    monkeypatch.setattr(gpu, "on_gpu", lambda: True)
    monkeypatch.setattr(cudnn, "check_cudnn_version", lambda: 91900)
    monkeypatch.setattr(cudnn, "check_compute_capability", lambda version: True)
    monkeypatch.setattr(cudnn, "is_cuda_compute_capability_equal", lambda version: False)
    monkeypatch.setattr(gpu, "_serves", functools.cache(gpu._serves.__wrapped__))


@pytest.fixture
def served(pretended, monkeypatch):
    """cuDNN serves whatever it is asked for; asked for what, in a list."""
    asked = []
    monkeypatch.setattr(gpu, "_serves", lambda *sizes: not asked.append(sizes[:-1]))
    return asked


def drawn(tokens, heads=2, size=8, batch=3, dtype=jnp.bfloat16):
    rng = np.random.default_rng(tokens)
    return jnp.asarray(rng.standard_normal((batch, tokens, heads, size)), dtype)


def fresh():
    """`attend`, traced anew: what an earlier test had it traced for is not to be found again."""
    return jax.jit(lambda query, key, value: attend(query, key, value))


@pytest.mark.parametrize("source", [36, 77])
def test_every_device_of_a_mesh_calls_cudnn(served, source):
    module = filled(lambda rngs: Attention(16, 2, 8, rngs=rngs), dtype=jnp.bfloat16)
    mesh = make_mesh(4)
    x = jax.ShapeDtypeStruct((2, 8, 12, 16), jnp.bfloat16)
    keys = jax.ShapeDtypeStruct((2, 8, source, 16), jnp.bfloat16)
    mapped = on_mesh(lambda x, keys: module(x, keys), mesh, (FRAMES, FRAMES), FRAMES)
    lowered = jax.jit(mapped).trace(x, keys).lower(lowering_platforms=("cuda",))
    assert served == [(12, source, 2, 8, False)]
    assert lowered.as_text().count("__cudnn$fmhaSoftmax") == 1


def test_many_queries_are_tried_with_fewer(served):
    query, key = (jax.ShapeDtypeStruct((1, n, 2, 8), jnp.bfloat16) for n in (10**7, 77))
    assert jax.eval_shape(attend, query, key, key).shape == query.shape
    assert served == [(gpu.TRIED, 77, 2, 8, False)]


def test_its_products_are_counted(served):
    given = [drawn(5), drawn(39), drawn(39)]
    program = fresh().trace(*given)
    plain = jax.jit(lambda q, k, v: softmax_over(q, [(k, v)])).trace(*given)
    assert traced.work(program.jaxpr).flops == traced.work(plain.jaxpr).flops > 0


def loss(query, key, value):
    return (attend(query, key, value).astype(jnp.float32) ** 2).sum()


def test_gradients_are_lowered_too(served):
    given = [drawn(36), drawn(38), drawn(38)]
    lowered = jax.jit(jax.grad(loss)).trace(*given).lower(lowering_platforms=("cuda",))
    assert "__cudnn$fmhaSoftmaxBackward" in lowered.as_text()


@pytest.mark.parametrize(("queries", "keys"), [(37, 37), (36, 77), (37, 40)])
def test_odd_lengths_are_differentiated_by_products(served, monkeypatch, queries, keys):
    given = [drawn(queries), drawn(keys), drawn(keys)]
    forward = fresh().trace(*given).lower(lowering_platforms=("cuda",)).as_text()
    assert forward.count("__cudnn$fmhaSoftmax") == 1
    slopes = jax.jit(jax.value_and_grad(lambda *given: loss(*given), (0, 1, 2)))
    lowered = slopes.trace(*given).lower(lowering_platforms=("cuda",)).as_text()
    assert "__cudnn" not in lowered
    value, found = slopes(*given)
    monkeypatch.setattr(gpu, "on_gpu", lambda: False)
    wanted, exact = jax.jit(jax.value_and_grad(lambda *given: loss(*given), (0, 1, 2)))(*given)
    assert value == wanted
    for one, other in zip(found, exact, strict=True):
        assert np.abs(np.asarray(one - other, np.float32)).max() == EXACT


def test_a_rematerialised_attention_of_odd_length_is_differentiated(served):
    given = [drawn(37), drawn(37), drawn(37)]
    slopes = jax.jit(jax.grad(lambda *given: jax.checkpoint(loss)(*given)))
    lowered = slopes.trace(*given).lower(lowering_platforms=("cuda",))
    assert "fmhaSoftmaxBackward" not in lowered.as_text() and served


@pytest.mark.parametrize(
    "how",
    [{"dtype": jnp.float32}, {"size": 512}, {"size": 12}, {"batch": 0}, {"tokens": 17}],
    ids=["float32", "a wide head", "an odd head", "nothing", "few keys"],
)
def test_what_cudnn_does_not_serve_is_not_asked(served, how):
    how = {"tokens": 40} | how
    parts = drawn(**how | {"tokens": 4}), drawn(**how), drawn(**how)
    assert attend(*parts).shape == parts[0].shape
    assert not served


def test_a_processor_is_never_asked(monkeypatch):
    monkeypatch.setattr(gpu, "_serves", lambda *sizes: pytest.fail("asked"))
    attend(drawn(4), drawn(36), drawn(36))


def refuse(query, key, value):
    raise RuntimeError("cuDNN is ill\nand more of it")


@pytest.mark.parametrize(
    ("kernel", "said"),
    [(refuse, "cuDNN is ill"), (lambda query, key, value: 0 * query, "off"), (gpu.by_cudnn, "")],
    ids=["refuses", "is wrong", "is not there"],
)
def test_a_kernel_that_fails_is_told_and_replaced(pretended, monkeypatch, caplog, kernel, said):
    monkeypatch.setattr(gpu, "by_cudnn", kernel)
    query, key, value = drawn(4), drawn(36), drawn(36)
    out = fresh()(query, key, value)
    plain = jax.jit(lambda q, k, v: softmax_over(q, [(k, v)]))(query, key, value)
    assert np.abs(np.asarray(out - plain)).max() == EXACT
    assert "4 queries, 36 keys, 2 heads of 8 in bfloat16" in caplog.text
    assert said in caplog.text and "more of it" not in caplog.text
    caplog.clear()
    fresh()(query, key, value)
    assert not caplog.text


def test_a_kernel_that_is_right_serves(pretended, monkeypatch, caplog):
    plain = functools.partial(jax.nn.dot_product_attention, implementation="xla")
    calls = []
    monkeypatch.setattr(gpu, "by_cudnn", lambda *parts: calls.append(parts) or plain(*parts))
    query, key, value = drawn(4), drawn(36), drawn(36)
    out = fresh()(query, key, value)
    assert np.abs(np.asarray(out - softmax_over(query, [(key, value)]))).max() < BF16
    assert len(calls) == 2 and not caplog.text


@pytest.mark.parametrize("most", [10**6, 500, 7])
def test_slices_of_a_gpu_count_all_heads(x64, pretended, monkeypatch, most):
    monkeypatch.setattr(gpu, "SCORES", most)
    wide = {"dtype": jnp.float64}
    query, key, value = drawn(12, **wide), drawn(9, **wide), drawn(9, **wide)
    program = fresh().trace(query, key, value)
    assert ("scan" in str(program.jaxpr)) == (most < 2 * 3 * 12 * 9)
    exact = softmax_over(query, [(key, value)])
    assert np.abs(np.asarray(attend(query, key, value) - exact)).max() < 1e-12
    assert attention.held(6) == most


@pytest.mark.parametrize(("dtype", "exact"), [(jnp.float32, True), (jnp.bfloat16, False)])
def test_float32_products_are_not_rounded(pretended, dtype, exact):
    layer = filled(lambda rngs: Dense(4, 4, rngs=rngs), dtype=dtype)

    def call(x):
        with gpu.unrounded({"kernel": x}):
            return layer(x)

    text = jax.jit(call).lower(jnp.ones((2, 4), dtype)).as_text()
    assert ("HIGHEST" in text) == exact


def test_processors_keep_their_products():
    def call(x):
        with gpu.unrounded({"kernel": x}):
            return x @ x

    assert "HIGHEST" not in jax.jit(call).lower(jnp.ones((4, 4))).as_text()


def test_a_shared_bias_is_lowered_and_differentiated_by_products(served):
    query, bias = drawn(24, heads=40), drawn(24, heads=1, size=24).swapaxes(1, 2)
    ours = jax.jit(lambda query, bias: attention.by_kernel(query, query, query, bias))
    text = ours.trace(query, bias).lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("__cudnn$fmhaScaleBiasSoftmax") == 1
    assert text.count("stablehlo.transpose") == 1  # of the answer, that lies in memory as is wanted
    slopes = jax.jit(jax.grad(lambda query: ours(query, bias).astype(jnp.float32).sum()))
    assert "__cudnn" not in slopes.trace(query).lower(lowering_platforms=("cuda",)).as_text()


@pytest.mark.parametrize("biased", [True, False])
def test_a_kernel_is_tried_with_a_bias(pretended, monkeypatch, caplog, biased):
    def kernel(query, key, value, bias=None):
        return softmax_over(query, [(key, value)], None if bias is None else [bias])

    monkeypatch.setattr(gpu, "by_cudnn", kernel)
    assert gpu._serves(5, 7, 3, 8, biased, jnp.bfloat16)
    monkeypatch.setattr(gpu, "by_cudnn", lambda q, k, v, bias=None: kernel(q, k, v))
    gpu._serves.cache_clear()
    assert gpu._serves(5, 7, 3, 8, biased, jnp.bfloat16) == (not biased)
