"""I3D as `i3d_pretrained_400.pt` names it: the plain state dict of VideoGPT's and PVDM's metric."""

from collections.abc import Sequence
from typing import Any

from vinf_jax.checkpoint.mapping import Row, place
from vinf_jax.checkpoint.rows import conv3d, dense, stored_batch_norm, turned

from .sizes import Sizes

STEM = ("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3")
MIXED = tuple(f"Mixed_{name}" for name in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"))
BRANCHES = ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")
UNIT = [*conv3d("conv", "conv3d", bias=False), *stored_batch_norm("norm", "bn")]
SIGNS = ("Conv3d_1a_7x7.conv3d.weight", "Mixed_5c.b3b.bn.running_var", "logits.conv3d.weight")
IGNORED = ["*.num_batches_tracked"]
"""How often the statistics were averaged; nobody reads it."""


def table() -> list[Row]:
    """The rows for `I3D`, of any widths."""
    rows = dense("logits", "logits.conv3d", kind=turned(1, 0, ones=3))
    for n, name in enumerate(STEM):
        rows += place(UNIT, f"stem.{n}", name)
    for n, name in enumerate(MIXED):
        for branch in BRANCHES:
            rows += place(UNIT, f"mixed.{n}.{branch}", f"{name}.{branch}")
    return rows


def arguments(sizes: Sizes) -> dict[str, Any]:
    """Those of `I3D`, which the stored shapes tell."""
    return {
        "classes": sizes.axis("logits.conv3d.weight", 0),
        "stem": _widths(sizes, STEM),
        "mixed": [_widths(sizes, [f"{name}.{branch}" for branch in BRANCHES]) for name in MIXED],
    }


def _widths(sizes: Sizes, units: Sequence[str]) -> list[int]:
    return [sizes.axis(f"{unit}.conv3d.weight", 0) for unit in units]
