"""One function on every clip of a video, padding poisoned, in two ways that must agree."""

from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import PartitionSpec

from vinf_jax.parallel.mesh import CLIP, FRAMES, make_mesh, on_mesh
from vinf_jax.parallel.timeline import Sharded, clip_length


def poisoned(x, clips: int, poison=np.nan):
    """x (B, F, ...) with F raised to what the clips divide; what is added must never be read."""
    x = np.asarray(x)
    more = clip_length(x.shape[1], clips) * clips - x.shape[1]
    filling = np.full((x.shape[0], more, *x.shape[2:]), poison, x.dtype)
    return np.concatenate([x, filling], axis=1)


def simulated(function: Callable, x, clips: int, poison=np.nan, exchange="exact"):
    """function(timeline, clip) for every clip, stacked; one device plays all."""
    line = Sharded(CLIP, clips, x.shape[1], exchange)
    parts = np.stack(np.split(poisoned(x, clips, poison), clips, axis=1))
    run = jax.vmap(lambda part: function(line, part), axis_name=CLIP)
    return quickly(run)(parts)


def on_devices(function: Callable, x, clips: int, poison=np.nan, exchange="exact"):
    """The same under the shard_map, one device per clip."""
    line = Sharded(CLIP, clips, x.shape[1], exchange)
    run = on_mesh(
        lambda part: jax.tree.map(lambda out: out[None], function(line, part)),
        make_mesh(clips),
        FRAMES,
        PartitionSpec(CLIP),
    )
    return quickly(run)(poisoned(x, clips, poison))


def quickly(function: Callable) -> Callable:
    """Compiled without optimisation: most of such a test is compilation."""
    options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    return jax.jit(function, compiler_options=options)
