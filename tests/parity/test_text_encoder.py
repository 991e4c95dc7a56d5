"""The text encoder against OpenCLIP and transformers, in float64, every parameter by a formula."""

import jax
import numpy as np
import pytest

from convert import clip_text, openclip_text
from tests.parity.formula import parameters
from tests.parity.public_text_encoder import FILE, PUBLIC, SIZES, TOKENS
from tests.tolerances import FP64
from vinf_jax.models.text_encoder import TextEncoder
from vinf_jax.nn.parameters import abstract, merge, split

TABLES = {"openclip": openclip_text.table, "transformers": clip_text.table}


@pytest.fixture(scope="module")
def golden():
    with np.load(FILE) as stored:
        return dict(stored)


@pytest.mark.parametrize("name", TABLES)
def test_features(x64, golden, name):
    graph, like = split(abstract(lambda rngs: TextEncoder(**SIZES, rngs=rngs)))
    weights = parameters(TABLES[name](layers=SIZES["layers"]), like)
    features = jax.jit(lambda weights, tokens: merge(graph, weights)(tokens))(weights, TOKENS)
    assert features.dtype == np.float64
    assert np.abs(features - golden[name]).max() < FP64


@pytest.mark.parametrize("name", TABLES)
def test_recorded_outputs_are_the_public_ones(golden, name):
    library = {"openclip": "open_clip", "transformers": "transformers"}[name]
    pytest.importorskip("torch", reason="compared with torch where it is installed")
    pytest.importorskip(library, reason="compared where it is installed")
    assert np.abs(PUBLIC[name]() - golden[name]).max() < FP64
