"""Patch discriminators as PVDM's losses/perceptual.py names them."""

from vinf_jax.checkpoint.mapping import Row, place
from vinf_jax.checkpoint.rows import conv2d, conv3d, norm

STAGES = 5
IGNORED = ["*.running_mean", "*.running_var", "*.num_batches_tracked"]
"""Averages of the statistics, which only a network that is not training would read."""


def table(*, axes: int) -> list[Row]:
    """The rows for `PatchDiscriminator` over two or three axes, of any width."""
    conv = conv2d if axes == 2 else conv3d
    rows = []
    for n in range(STAGES):
        stage = conv("conv", "0")
        if 0 < n < STAGES - 1:
            stage += norm("norm", "1")
        rows += place(stage, f"stages.{n}", f"model{n}")
    return rows
