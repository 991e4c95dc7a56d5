"""Processes on one or many hosts that make one video: which of them this is, how it joins the
others, what they tell each other.

Alone, all of this answers at once and asks JAX for nothing.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

Task = TypeVar("Task")
SMALLEST = 1024
"""Bytes that a message is filled up to, at least: few sizes, few compilations."""
PATIENCE = 60
"""Seconds that JAX waits longer than we do, so that the word about what is wrong is ours."""
LEAVING = 3600
"""Seconds in which the first process may finish what it alone does, while the others are done."""

_joined: "list[Place]" = []


@dataclass(frozen=True)
class Place:
    """One process of several. coordinator: HOST:PORT of the first one. devices: which of its host's
    it takes, by number; () is all that it sees, None what JAX_LOCAL_DEVICE_IDS says."""

    coordinator: str
    count: int
    index: int
    devices: tuple[int, ...] | None = ()


def detected(environ: Mapping[str, str] = os.environ) -> Place:
    """Where SLURM, Open MPI or Kubernetes put this process, as JAX finds out.

    JAX gives each process one device of its host's. A process that is alone on its host takes all
    of them, and one that sees only its own takes that.

    Raises:
        ValueError: none of them started it.
    """
    from jax._src.clusters import ClusterEnv  # JAX says it nowhere else before it has joined

    found = ClusterEnv.auto_detect_unset_distributed_params(None, None, None, None, None, PATIENCE)
    coordinator, count, index, devices = found
    if coordinator is None or count is None or index is None:
        raise ValueError(
            "cluster: this process was started by none of SLURM (srun), Open MPI (mpirun) and "
            "Kubernetes that JAX could find; start it by one of them, or give --coordinator "
            "HOST:PORT, --processes and --process"
        )
    if "JAX_LOCAL_DEVICE_IDS" in environ:
        return Place(coordinator, count, index, None)
    own = _alone_on_host(environ) or "," not in environ.get("CUDA_VISIBLE_DEVICES", ",")
    return Place(coordinator, count, index, () if own else tuple(devices or ()))


def join(place: Place, wait: int) -> None:
    """Joins the others, before JAX makes devices. wait: seconds in which they come; JAX, which
    would end this process without a word, is told to wait longer.

    Raises:
        ValueError: the first process cannot be reached, or cannot open its port.
    """
    jax.config.update("jax_enable_preemption_service", False)  # it takes SIGTERM, which ends us
    try:
        jax.distributed.initialize(
            place.coordinator,
            place.count,
            place.index,
            local_device_ids=None if place.devices is None else list(place.devices),
            initialization_timeout=wait + PATIENCE,
            heartbeat_timeout_seconds=wait + PATIENCE,
            shutdown_timeout_seconds=LEAVING,
        )
    except RuntimeError as error:
        raise ValueError(f"coordinator: {place.coordinator} does not serve: {error}") from error
    _joined.append(place)


def count() -> int:
    """How many processes work together."""
    return _joined[-1].count if _joined else 1


def index() -> int:
    """Which of them this is, from 0."""
    return _joined[-1].index if _joined else 0


def leads() -> bool:
    """Whether this is the first one, which writes what there is one of."""
    return index() == 0


def gathered(value: Any) -> list[Any]:
    """What every process says here, in their order: anything that JSON holds. All must come to the
    same line."""
    if count() == 1:
        return [value]
    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    sizes = np.ravel(multihost_utils.process_allgather(np.array([len(text)], np.int32)))
    room = max(SMALLEST, 1 << int(sizes.max() - 1).bit_length())
    texts = multihost_utils.process_allgather(np.pad(text, (0, room - len(text))))
    return [json.loads(row[:size].tobytes()) for row, size in zip(texts, sizes, strict=True)]


def turns(tasks: Sequence[Task]) -> list[Task | None]:
    """This process's even share of the tasks, neighbours in the order of the processes. All get
    lists of one length, so that they can meet after every turn; None is a turn without a task."""
    edges = [p * len(tasks) // count() for p in range(count() + 1)]
    most = max(stop - start for start, stop in pairwise(edges))
    mine = tasks[edges[index()] : edges[index() + 1]]
    return [*mine, *[None] * (most - len(mine))]


def _alone_on_host(environ: Mapping[str, str]) -> bool:
    tasks = environ.get("SLURM_NTASKS")
    by_slurm = tasks is not None and tasks == environ.get("SLURM_STEP_NUM_NODES")
    return by_slurm or environ.get("OMPI_COMM_WORLD_LOCAL_SIZE") == "1"
