"""Flags of the programs that work on jobs: files, devices, going on."""

import argparse
import re
from pathlib import Path

from .options import file, folder, refuse
from .outputs import Outputs, target_troubles


def add_devices(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("devices")
    group.add_argument(
        "--clips",
        type=int,
        default=1,
        metavar="N",
        help="pieces of time, one per device (default: 1)",
    )
    group.add_argument(
        "--guidance-groups",
        type=int,
        default=1,
        metavar="N",
        help="2: the halves of guidance on two groups of devices (default: 1)",
    )
    group.add_argument(
        "--deterministic",
        action="store_true",
        help="GPU kernels that give the same bits every time, at some cost of speed",
    )


def add_many(to: argparse.ArgumentParser) -> None:
    group = to.add_argument_group("many hosts: one process on each, or for each of its devices")
    group.add_argument(
        "--cluster",
        action="store_true",
        help="SLURM, Open MPI or Kubernetes started several of this process; they make one video",
    )
    group.add_argument(
        "--coordinator", metavar="HOST:PORT", help="without these: where process 0 is to be reached"
    )
    group.add_argument("--processes", type=int, metavar="N", help="and how many there are")
    group.add_argument("--process", type=int, metavar="I", help="and which this one is, from 0")
    group.add_argument(
        "--wait",
        type=int,
        default=45,
        metavar="SECONDS",
        help="in which others must come, and be heard of again (default: 45)",
    )


def is_many(options: argparse.Namespace) -> bool:
    """Whether this process is one of several.

    Raises:
        ValueError: flags that do not say which.
    """
    named = {name: getattr(options, name) for name in ("coordinator", "processes", "process")}
    missing = [f"--{name}" for name, value in named.items() if value is None]
    found = []
    if options.cluster and len(missing) < 3:
        found.append("cluster: it says all that the other flags would; leave these out, or it")
    elif not options.cluster and 0 < len(missing) < 3:
        found.append(f"coordinator: {' and '.join(missing)} must be given beside it, or none")
    elif not missing and not 0 <= options.process < options.processes:
        found.append(
            f"process: {options.process} of {options.processes}; give 0 to {options.processes - 1}"
        )
    elif not missing and not re.fullmatch(r".+:\d+", options.coordinator):
        found.append(f"coordinator: {options.coordinator!r}; give HOST:PORT")
    if options.wait < 1:
        found.append(f"wait: {options.wait}; give 1 second or more")
    refuse(found)
    return options.cluster or not missing


def follows(options: argparse.Namespace) -> bool:
    """Whether another process looks after files that there is one of."""
    return bool(options.process)


def add_files(to: argparse.ArgumentParser, out: str | None, default: str) -> None:
    """out: the video where none is named; `default` says it."""
    group = to.add_argument_group("files")
    group.add_argument(
        "--out",
        type=file,
        default=None if out is None else Path(out),
        metavar="FILE",
        help=f"the video (default: {default})",
    )
    group.add_argument(
        "--job",
        type=folder,
        metavar="FOLDER",
        help="where it is made, state and latents (default: out/video.job for out/video.mp4)",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on with the job in that folder; begin it if there is none",
    )
    group.add_argument(
        "--save-every",
        type=int,
        default=5,
        metavar="K",
        help="save the sampler's state every K steps; 0: only finished waves (default: 5)",
    )
    group.add_argument(
        "--keep-job",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep the job's folder, to extend or retake the video (default: yes)",
    )
    group.add_argument("--force", action="store_true", help="replace files that are there")
    group.add_argument(
        "--scale",
        type=int,
        metavar="N",
        help="enlarge by a whole factor (default: to 256 pixels or more)",
    )
    group.add_argument(
        "--preview", action="store_true", help="now and then write OUT.preview.png on the way"
    )


def file_troubles(
    options: argparse.Namespace, files: list[Outputs], replaced: Path | None = None
) -> list[str]:
    """Why the files cannot be written; those that a job made which is gone on with may be there.

    replaced: the job's folder that the new one takes the place of in the end.
    """
    jobs = [each.job for each in files] + ([replaced] if replaced else [])
    found = _troubles_inside(jobs, [path for each in files for path in (*each.all, each.preview)])
    if options.save_every < 0:
        found.append(f"save-every: {options.save_every}; give 0 or more steps")
    for each in () if follows(options) else files:
        targets = [*each.all, *([each.preview] if options.preview else [])]
        try:
            own = set(targets) if options.force else each.own() if options.resume else set()
        except ValueError as error:
            found.append(str(error))
            continue
        for path in targets:
            found += target_troubles([path], path in own)
    return found


def _troubles_inside(jobs: list[Path], targets: list[Path]) -> list[str]:
    """A job's folder is removed as a whole, and must hold no file that stays."""
    found = []
    for job in jobs:
        place = job.resolve()
        inside = [path for path in targets if place in (path.resolve(), *path.resolve().parents)]
        if inside:
            found.append(
                f"job: {job} is the job's folder, and {inside[0]} cannot lie there; "
                "give another --job or --out"
            )
    return found
