"""Devices for a mesh: simulated ones on a CPU, made before jax starts."""

import contextlib
import os
import sys
from typing import Any

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"
MOST = 256
"""More simulated devices than this are made only if JAX_NUM_CPU_DEVICES says so."""


def simulate(count: int) -> None:
    """Lets a CPU show at least `count` devices (at most MOST), if jax has not started yet.

    Accelerators are not touched: where jax finds one, it uses that, and the count of its devices
    stands. Nothing happens where jax has started (in a notebook, in a test).
    """
    count = max(min(count, MOST), _asked())
    if "jax" not in sys.modules:
        os.environ["JAX_NUM_CPU_DEVICES"] = str(count)
        return
    with contextlib.suppress(RuntimeError):  # what jax says when its devices exist already
        sys.modules["jax"].config.update("jax_num_cpu_devices", count)


def deterministic() -> None:
    """Has XLA choose GPU kernels that give the same bits every time, if it has not started yet."""
    asked = os.environ.get("XLA_FLAGS", "")
    if DETERMINISTIC not in asked:
        os.environ["XLA_FLAGS"] = f"{asked} {DETERMINISTIC}".strip()


def described(clips: int, groups: int) -> dict[str, Any]:
    """The mesh in words that JSON can hold: kind and count of its devices, sizes of its axes."""
    from vinf_jax.parallel.mesh import everyones_devices

    devices = everyones_devices()[: clips * groups]
    return {
        "platform": devices[0].platform,
        "kind": devices[0].device_kind,
        "devices": len(devices),
        "processes": len({device.process_index for device in devices}),
        "axes": {"guidance": groups, "clip": clips},
    }


def _asked() -> int:
    try:
        return int(os.environ.get("JAX_NUM_CPU_DEVICES", "1"))
    except ValueError:
        return 1
