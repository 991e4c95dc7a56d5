"""Device meshes, with axes (guidance, clip) or of a batch, and the one shard_map of the house."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

GUIDANCE, CLIP, DATA = "guidance", "clip", "data"

EVERYWHERE = PartitionSpec()
FRAMES = PartitionSpec(None, CLIP)
"""Arrays B F ...: frames over the clips, the same in both guidance groups."""
HALVES = PartitionSpec(GUIDANCE)
"""Arrays 2 ...: the unconditional half and the conditional half."""
HALVES_FRAMES = PartitionSpec(GUIDANCE, None, CLIP)
"""Arrays 2 B F ...: halves and frames."""
HALVED_FRAMES = PartitionSpec(GUIDANCE, CLIP)
"""Arrays 2B F ...: the halves one after the other, and frames."""
BATCH = PartitionSpec(DATA)
"""Arrays B ...: whole samples over the devices."""


def make_mesh(clips: int, guidance: int = 1, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh of guidance x clips devices, the first ones if none are given.

    clips: pieces that the video's time axis is cut into. guidance: 1 computes both halves of
    classifier-free guidance on the same device, 2 on two groups of devices.

    Clips that follow each other lie on devices that do, and both halves of a clip side by side: a
    host holds neighbouring clips. Devices of many processes count in the order of these.
    """
    if guidance not in (1, 2):
        raise ValueError(
            f"guidance: {guidance} device groups, but guidance has 2 halves; use 1 or 2"
        )
    if clips < 1:
        raise ValueError(f"clips: {clips}, but a video is at least 1 clip")
    devices = everyones_devices() if devices is None else list(devices)
    needed = clips * guidance
    if needed > len(devices):
        raise ValueError(
            f"clips: {clips} clips x {guidance} guidance groups need {needed} devices, but there "
            f"are {len(devices)}; use at most {len(devices) // guidance} clips, or start with more "
            f"devices (on CPU: JAX_NUM_CPU_DEVICES={needed} before jax starts)"
        )
    _refuse_idle(devices, needed, guidance)
    grid = np.asarray(devices[:needed]).reshape(clips, guidance).T
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


def everyones_devices() -> list[jax.Device]:
    """The devices of all processes, in the order of these."""
    return sorted(jax.devices(), key=lambda device: (device.process_index, device.id))


def local_clips(mesh: Mesh) -> Mesh:
    """The devices of a mesh that belong to this process, as clips of a mesh of their own."""
    here = [d for d in mesh.devices.flat if d.process_index == jax.process_index()]
    return make_mesh(len(here), 1, here)


def clips_here(mesh: Mesh, group: int | None = None) -> range:
    """The clips that this process holds, in one guidance group or in any. Those in the first group
    are its own: there is one process that answers for a clip."""
    groups = mesh.devices if group is None else mesh.devices[group : group + 1]
    here = [
        clip
        for clip in range(mesh.shape[CLIP])
        if any(device.process_index == jax.process_index() for device in groups[:, clip])
    ]
    return range(here[0], here[-1] + 1) if here else range(0)


def own_frames(x: jax.Array) -> np.ndarray:
    """Of x (B, F, ...), frames over clips, those of this process's own clips, on the host."""
    shards = [shard for shard in x.addressable_shards if shard.replica_id == 0]
    shards.sort(key=lambda shard: shard.index[1].start or 0)
    none = np.zeros((x.shape[0], 0, *x.shape[2:]), x.dtype)
    return np.concatenate([none, *(np.asarray(shard.data) for shard in shards)], axis=1)


def place(mesh: Mesh, spec: PartitionSpec, tree):
    """The tree's arrays, laid on the mesh. Where that spans processes, each brings the parts that
    its devices hold, and what it has in the place of others is not looked at."""
    sharding = NamedSharding(mesh, spec)
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    return jax.tree.map(lambda x: _placed(sharding, x), tree)


def _placed(sharding: NamedSharding, x) -> jax.Array:
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        data = _placed(sharding, jax.random.key_data(x))
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(x))
    parts = [
        jax.device_put(x if sharding.is_fully_replicated else np.asarray(x)[where], device)
        for device, where in sharding.addressable_devices_indices_map(x.shape).items()
    ]
    return jax.make_array_from_single_device_arrays(x.shape, sharding, parts)


def _refuse_idle(devices: Sequence[jax.Device], needed: int, guidance: int) -> None:
    """Every process must take part in every step."""
    idle = {d.process_index for d in devices} - {d.process_index for d in devices[:needed]}
    if idle:
        raise ValueError(
            f"clips: {needed // guidance} clips x {guidance} guidance groups take {needed} of "
            f"{len(devices)} devices, none of them process {min(idle)}'s; use "
            f"{len(devices) // guidance} clips, or start fewer processes"
        )
