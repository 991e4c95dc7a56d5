"""Damaged, made-up and oversized weight files against the reader; what came of each is counted.

    python -m benchmarks.fuzz_checkpoints --inputs 12000 --out benchmarks/fuzz_checkpoints.json

A worker process opens one file after the other and touches every tensor. It has so much processor
time for each and so much memory beyond what the interpreter takes, and an audit hook that sees
programs, sockets, imports and written files. A worker that dies or falls silent is replaced. The
exit status is 1 if any input crashed, hung, took too much memory or ran something.
"""

import argparse
import json
import os
import platform
import random
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.oversized import OVERSIZED
from tests.checkpoint.hostile import damaged, files, honest, watch
from vinf_jax.checkpoint.torch_file import open_tensors

FINE = ("read", "refused")
BATCH = 100
SILENCE = 900  # seconds until a worker counts as hung, however busy the machine is


class OutOfTime(BaseException):
    """An input took more processor time than it may."""


def main() -> int:
    """Runs the worker over all inputs, and again behind each one that ends it."""
    options = _options()
    if options.worker is not None:
        _work(options)
        return 0
    began, outcomes, slowest, memory, troubles = time.monotonic(), Counter(), {}, 0, []
    first, distinct = 0, set()
    while first < options.inputs:
        for number, kind, outcome, seconds, grown, checksum in _worker(options, first):
            outcomes[kind.partition(":")[0], outcome] += 1
            slowest[kind] = max(slowest.get(kind, 0.0), seconds)
            distinct.add(checksum)
            memory, first = max(memory, grown), number + 1
            if outcome not in FINE:
                troubles.append(f"input {number}, {kind}: {outcome}")
        if first < options.inputs:
            troubles.append(f"input {first}: crash or hang")
            outcomes["?", "crash or hang"] += 1
            first += 1
    record = {
        "command": "python -m benchmarks.fuzz_checkpoints " + " ".join(sys.argv[1:]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, numpy {np.__version__}",
        "inputs": sum(outcomes.values()),
        "of them distinct": len(distinct),
        "outcomes": {
            kind: {what: n for (k, what), n in sorted(outcomes.items()) if k == kind}
            for kind in sorted({kind for kind, _ in outcomes})
        },
        "troubles": troubles,
        "limits": {"processor seconds": options.seconds, "megabytes": options.megabytes},
        "slowest input, processor seconds": {k: round(s, 3) for k, s in slowest.items()},
        "memory beyond the interpreter, megabytes": round(memory / 2**20),
        "seconds": round(time.monotonic() - began),
    }
    text = json.dumps(record, indent=2)
    print(text)
    if options.out:
        Path(options.out).write_text(text + "\n")
    return 1 if troubles else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10.0, help="processor time per input")
    parser.add_argument("--megabytes", type=int, default=1024, help="memory for all of them")
    parser.add_argument("--out", help="where the record goes")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _worker(options: argparse.Namespace, first: int) -> Iterator[tuple]:
    """(number, kind, outcome, processor seconds, bytes grown, checksum) of inputs from `first`."""
    command = [sys.executable, "-m", "benchmarks.fuzz_checkpoints", *sys.argv[1:]]
    with subprocess.Popen([*command, "--worker", str(first)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        ready = selectors.DefaultSelector()
        ready.register(process.stdout, selectors.EVENT_READ)
        while ready.select(SILENCE):
            if not (line := process.stdout.readline()):
                return
            yield tuple(json.loads(line))
        process.kill()


def _work(options: argparse.Namespace) -> None:
    """Does inputs from `options.worker` on, one line of standard output for each."""
    signal.signal(signal.SIGVTALRM, _out_of_time)
    with tempfile.TemporaryDirectory() as folder:
        whole = honest(Path(folder))
        for file in Path(folder).iterdir():  # everything that is imported late is here
            _touch(file)
        base = _peak()
        limit = _mapped() + options.megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for number, kind, data in _inputs(options, whole):
            path = Path(folder, "input")
            path.write_bytes(data)
            outcome, seconds = _outcome(path, options.seconds)
            line = [number, kind, outcome, seconds, _peak() - base, zlib.crc32(data)]
            print(json.dumps(line), flush=True)


def _inputs(
    options: argparse.Namespace, whole: dict[str, bytes]
) -> Iterator[tuple[int, str, bytes]]:
    """Number, kind and bytes: the oversized first, then batches damaged and made up in turn."""
    for number in range(options.worker, min(len(OVERSIZED), options.inputs)):
        name = list(OVERSIZED)[number]
        yield number, f"oversized: {name}", OVERSIZED[name]()
    start = max(options.worker, len(OVERSIZED))
    for first in range(len(OVERSIZED), options.inputs, BATCH):
        make = _made_up if first // BATCH % 4 == 3 else _damaged
        numbers = range(first, min(first + BATCH, options.inputs))
        if numbers[-1] < start:
            continue
        for number, data in zip(numbers, make(options.seed + first, whole), strict=False):
            if number >= start:
                yield number, make.__name__.strip("_").replace("_", " "), data


def _damaged(chance: int, whole: dict[str, bytes]) -> Iterator[bytes]:
    draw, others = random.Random(chance), list(whole.values())
    for n in range(BATCH):
        yield damaged(others[n % len(others)], draw.choice(others), draw)


def _made_up(chance: int, whole: dict[str, bytes]) -> list[bytes]:
    found: list[bytes] = []

    @seed(chance)
    @settings(
        max_examples=BATCH,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(files())
    def collect(data: bytes) -> None:
        found.append(data)

    collect()
    return (found * BATCH)[:BATCH]


def _outcome(path: Path, seconds: float) -> tuple[str, float]:
    began = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    with watch() as acts:
        try:
            _touch(path)
            outcome = "read"
        except ValueError:
            outcome = "refused"
        except OutOfTime:
            outcome = "hang"
        except MemoryError:
            outcome = "memory"
        except Exception as error:
            outcome = f"crash: {type(error).__name__}: {error}"[:200]
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if acts:
        outcome = f"execution: {', '.join(acts[:5])}"
    return outcome, time.process_time() - began


def _touch(path: Path) -> int:
    """A checksum over every tensor, so that every byte is read."""
    found, total = open_tensors(path), 0
    for array in found.values():
        total = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, total)
    return total


def _out_of_time(*_: object) -> None:
    raise OutOfTime


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _mapped() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main())
