"""Where a training run's state lies: whole on every device, or cut over them."""

from collections.abc import Mapping
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from vinf_jax.parallel.mesh import DATA


def whole(tree: Any, mesh: Mesh) -> Any:
    """Every array on every device: data-parallel training."""
    return jax.tree.map(lambda x: NamedSharding(mesh, PartitionSpec()), tree)


def cut(tree: Any, mesh: Mesh) -> Any:
    """Every array cut along its longest axis that the devices divide, and whole where there is
    none: parameters, averages and the optimiser's memory take 1/devices of the room, and the
    compiler gathers what a layer needs (ZeRO stage 3, arXiv 1910.02054)."""
    return jax.tree.map(lambda x: NamedSharding(mesh, _cut(x.shape, mesh.shape[DATA])), tree)


PLACEMENTS: Mapping[str, Any] = {"whole": whole, "cut": cut}


def _cut(shape: tuple[int, ...], devices: int) -> PartitionSpec:
    fits = [axis for axis, length in enumerate(shape) if length and length % devices == 0]
    if not fits or devices == 1:
        return PartitionSpec()
    axis = max(fits, key=lambda n: shape[n])
    return PartitionSpec(*[None] * axis, DATA)
