"""Text encoder: a causal transformer over tokens (Radford et al., arXiv 2103.00020).

At its default size it is the text tower of OpenCLIP ViT-H/14 as Stable Diffusion 2.x and
VideoCrafter2 use it: the states after layer 23 of 24, under the final norm, no projection.
"""

import math

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from jax.core import Tracer
from jaxtyping import Float, Int

from vinf_jax.nn.attention import merge_heads, softmax_over, split_heads
from vinf_jax.nn.linear import gelu
from vinf_jax.nn.norm import layer_norm


class CausalAttention(nnx.Module):
    """Every token looks at itself and at those before it; all four projections have biases."""

    def __init__(self, width: int, heads: int, *, deviation: float, depth: int, rngs) -> None:
        self.heads = heads
        self.q_proj = _linear(width, width, deviation, rngs)
        self.k_proj = _linear(width, width, deviation, rngs)
        self.v_proj = _linear(width, width, deviation, rngs)
        self.out_proj = _linear(width, width, deviation / math.sqrt(2 * depth), rngs)

    def __call__(self, x: Array) -> Array:
        """x (B, N, D)."""
        projections = (self.q_proj, self.k_proj, self.v_proj)
        query, key, value = (split_heads(part(x), self.heads) for part in projections)
        before = jnp.tri(x.shape[1], dtype=bool)
        return self.out_proj(merge_heads(softmax_over(query, [(key, value)], seen=[before])))


class MLP(nnx.Module):
    """Two linear layers around an exact GELU."""

    def __init__(self, width: int, ratio: int, *, deviation: float, depth: int, rngs) -> None:
        self.fc1 = _linear(width, ratio * width, deviation / math.sqrt(2), rngs)
        self.fc2 = _linear(ratio * width, width, deviation / math.sqrt(2 * depth), rngs)

    def __call__(self, x: Array) -> Array:
        return self.fc2(gelu(self.fc1(x)))


class Layer(nnx.Module):
    """Attention and MLP, each on a LayerNorm of its input and added to it."""

    def __init__(self, width: int, heads: int, ratio: int, depth: int, *, rngs) -> None:
        deviation = width**-0.5
        self.ln_1 = layer_norm(width, rngs)
        self.attention = CausalAttention(width, heads, deviation=deviation, depth=depth, rngs=rngs)
        self.ln_2 = layer_norm(width, rngs)
        self.mlp = MLP(width, ratio, deviation=deviation, depth=depth, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = x + self.attention(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class TextEncoder(nnx.Module):
    """Tokens (B, N) to features (B, N, D); a feature knows its token and those before it.

    Args:
        vocabulary: number of token ids.
        length: longest text N.
        width: features D.
        heads: attention heads; they divide the width.
        layers: depth. OpenCLIP's penultimate output is that of 23 layers.
        mlp_ratio: inner width of the MLPs over the width.

    Raises:
        ValueError: a size below one, or heads that do not divide the width.
    """

    def __init__(
        self,
        *,
        vocabulary: int = 49408,
        length: int = 77,
        width: int = 1024,
        heads: int = 16,
        layers: int = 23,
        mlp_ratio: int = 4,
        rngs,
    ) -> None:
        sizes = {"vocabulary": vocabulary, "length": length, "width": width, "heads": heads}
        _check_sizes(sizes | {"layers": layers, "mlp_ratio": mlp_ratio})
        self.vocabulary, self.length = vocabulary, length
        normal = nnx.initializers.normal
        self.token_embedding = nnx.Embed(vocabulary, width, embedding_init=normal(0.02), rngs=rngs)
        self.positional_embedding = nnx.Param(normal(0.01)(rngs.params(), (length, width)))
        self.layers = nnx.List(
            [Layer(width, heads, mlp_ratio, layers, rngs=rngs) for _ in range(layers)]
        )
        self.ln_final = layer_norm(width, rngs)

    def __call__(self, tokens: Int[Array, "b n"] | Int[np.ndarray, "b n"]) -> Float[Array, "b n d"]:
        """Features of every token, in the parameters' dtype.

        Raises:
            ValueError: more tokens than `length`, or an id outside the vocabulary. Under jit ids
                are not known, and one outside makes its whole text NaN.
        """
        self._check(tokens)
        # nnx.Embed's own call would cast to the dtype that the module was built with.
        embedding = jnp.asarray(self.token_embedding.embedding[...])
        x = embedding.at[tokens].get(mode="fill", wrap_negative_indices=False)
        x = x + self.positional_embedding[...][: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.ln_final(x)

    def _check(self, tokens: Array | np.ndarray) -> None:
        troubles = []
        if tokens.shape[1] > self.length:
            troubles.append(f"{tokens.shape[1]} tokens in a text; at most {self.length} fit")
        if not isinstance(tokens, Tracer):
            ids = np.unique(np.asarray(tokens, np.int64))
            strange = ids[(ids < 0) | (ids >= self.vocabulary)]
            if strange.size:
                shown = ", ".join(map(str, strange[:5]))
                troubles.append(f"token ids {shown}; there are only 0 to {self.vocabulary - 1}")
        if troubles:
            raise ValueError("tokens do not fit the text encoder: " + "; ".join(troubles))


def _check_sizes(sizes: dict[str, int]) -> None:
    troubles = [
        f"{name} is {size}; it must be 1 or more" for name, size in sizes.items() if size < 1
    ]
    if not troubles and sizes["width"] % sizes["heads"]:
        troubles.append(f"heads is {sizes['heads']}, which does not divide width {sizes['width']}")
    if troubles:
        raise ValueError("the text encoder cannot be built: " + "; ".join(troubles))


def _linear(inputs: int, outputs: int, deviation: float, rngs) -> nnx.Linear:
    start = nnx.initializers.normal(deviation)
    return nnx.Linear(inputs, outputs, kernel_init=start, rngs=rngs)
