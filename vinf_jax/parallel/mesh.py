"""Device meshes, with axes (guidance, clip) or of a batch, and the one shard_map of the house."""

from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

GUIDANCE, CLIP, DATA = "guidance", "clip", "data"

EVERYWHERE = PartitionSpec()
FRAMES = PartitionSpec(None, CLIP)
"""Arrays B F ...: frames over the clips, the same in both guidance groups."""
HALVES = PartitionSpec(GUIDANCE)
"""Arrays 2 ...: the unconditional half and the conditional half."""
HALVES_FRAMES = PartitionSpec(GUIDANCE, None, CLIP)
"""Arrays 2 B F ...: halves and frames."""
BATCH = PartitionSpec(DATA)
"""Arrays B ...: whole samples over the devices."""


def make_mesh(clips: int, guidance: int = 1, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh of guidance x clips devices, the first ones if none are given.

    clips: pieces that the video's time axis is cut into. guidance: 1 computes both halves of
    classifier-free guidance on the same device, 2 on two groups of devices.
    """
    if guidance not in (1, 2):
        raise ValueError(
            f"guidance: {guidance} device groups, but guidance has 2 halves; use 1 or 2"
        )
    if clips < 1:
        raise ValueError(f"clips: {clips}, but a video is at least 1 clip")
    devices = jax.devices() if devices is None else list(devices)
    needed = clips * guidance
    if needed > len(devices):
        raise ValueError(
            f"clips: {clips} clips x {guidance} guidance groups need {needed} devices, but there "
            f"are {len(devices)}; use at most {len(devices) // guidance} clips, or start with more "
            f"devices (on CPU: JAX_NUM_CPU_DEVICES={needed} before jax starts)"
        )
    grid = np.asarray(devices[:needed]).reshape(guidance, clips)
    return Mesh(grid, (GUIDANCE, CLIP), axis_types=(AxisType.Auto,) * 2)


def batch_mesh(devices: int, among: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh over which batches lie; the first so many devices if none are given.

    Raises:
        ValueError: fewer than 1, or more than there are.
    """
    among = jax.devices() if among is None else list(among)
    if not 1 <= devices <= len(among):
        raise ValueError(
            f"devices: {devices}, but there are {len(among)}; use 1 to {len(among)}, or start with "
            f"more (on CPU: JAX_NUM_CPU_DEVICES={max(devices, 1)} before jax starts)"
        )
    return Mesh(np.asarray(among[:devices]), (DATA,), axis_types=(AxisType.Auto,))


def on_mesh(function: Callable, mesh: Mesh | AbstractMesh, in_specs, out_specs) -> Callable:
    """`function`, seen by each device with its own part of the arguments."""
    return jax.shard_map(function, mesh=mesh, in_specs=in_specs, out_specs=out_specs)


def local_clips(mesh: Mesh) -> Mesh:
    """The devices of a mesh that belong to this process, as clips of a mesh of their own."""
    here = [d for d in mesh.devices.flat if d.process_index == jax.process_index()]
    return make_mesh(len(here), 1, here)


def fetch(x: jax.Array) -> np.ndarray:
    """The whole array on this host, what lies with other processes included."""
    if x.is_fully_addressable:
        return np.asarray(x)
    return np.asarray(multihost_utils.process_allgather(x, tiled=True))


def place(mesh: Mesh, spec: PartitionSpec, tree):
    """The tree's arrays, laid on the mesh."""
    return jax.device_put(tree, NamedSharding(mesh, spec))
