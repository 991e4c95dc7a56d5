"""A Python process of its own, with the memory and the time that it takes. Linux only."""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def run(*words: Any, less: int = 0, stdout: Any = None) -> dict[str, Any]:
    """Runs Python and watches its memory until it ends.

    Args:
        words: the interpreter's arguments.
        less: bytes that are taken off the peak: what a bare interpreter has.
        stdout: an open file for what it prints.

    Returns:
        Exit status, seconds by the clock, seconds of the processors, and the peak of anonymous
        memory in bytes (RssAnon of /proc/PID/status, read every 20 milliseconds).
    """
    began, peak = time.monotonic(), 0
    child = subprocess.Popen(
        [sys.executable, *map(str, words)],
        env={"JAX_PLATFORMS": "cpu"} | os.environ,
        stdout=stdout,
    )
    while True:
        pid, status, used = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        peak = max(peak, anonymous(child.pid))
        time.sleep(0.02)
    child.returncode = os.waitstatus_to_exitcode(status)
    return {
        "status": child.returncode,
        "seconds": round(time.monotonic() - began, 2),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "anonymous_bytes": peak - less,
    }


def machine() -> dict[str, Any]:
    """What a figure was measured on. load_average: before it, if this is called before it."""
    return {
        "processor": _said("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": _said("/proc/meminfo", "MemTotal"),
        "load_average": [round(x, 1) for x in os.getloadavg()],
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def anonymous(pid: int) -> int:
    """Bytes of a process that no file holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = [line.split()[1] for line in lines if line.startswith("RssAnon")]
    return 1024 * int(sizes[0]) if sizes else 0


def _said(file: str, field: str) -> str:
    """The first value of a field in a file of lines "field: value", "unknown" where it is not."""
    lines = Path(file).read_text().splitlines()
    values = [
        value.strip()
        for line in lines
        for name, _, value in [line.partition(":")]
        if name.strip() == field
    ]
    return values[0] if values else "unknown"
