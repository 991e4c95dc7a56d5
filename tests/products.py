"""In what a program multiplies."""

import re
from collections.abc import Callable
from typing import Any

import jax

NAMES = {"bf16": "bfloat16", "f16": "float16", "f32": "float32", "f64": "float64"}


def precisions(function: Callable[..., Any], *given: Any) -> set[str]:
    """Dtypes of all matrix products and convolutions of a function of these arguments."""
    text = str(jax.make_jaxpr(function)(*given))
    return {
        NAMES[found]
        for found in re.findall(r":(\w+)\[[^\]]*\] = (?:dot_general|conv_general_dilated)\[", text)
    }
