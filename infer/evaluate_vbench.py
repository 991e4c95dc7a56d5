"""`evaluate vbench`: VBench's seven dimensions of quality on clips of long videos, where it is
installed; it is a program of its own, with its own PyTorch, networks and weights."""

import argparse
import shutil
import subprocess
from pathlib import Path
from typing import Any

from vinf_jax.media.target import replacing

from .options import refuse
from .progress import Display


def flags(to: argparse.ArgumentParser) -> None:
    """Of `evaluate vbench`."""
    to.add_argument(
        "folder", type=Path, help="videos with the records that this project's programs leave"
    )
    to.add_argument("--clips", type=int, default=5, help="of each video (default: 5, the paper's)")
    to.add_argument("--length", type=int, default=16, help="frames of a clip (default: 16)")
    to.add_argument(
        "--layout",
        type=Path,
        default=Path("out/vbench"),
        metavar="FOLDER",
        help="where clips, commands and results lie (default: %(default)s)",
    )
    to.add_argument(
        "--program", default="vbench", help="VBench's command (default: that of pip install vbench)"
    )


def vbench(options: argparse.Namespace, troubles: list[str], display: Display) -> Any:
    """`evaluate vbench`."""
    counts = {"clips": options.clips, "length": options.length}
    troubles += [f"{name}: {n}; give 1 or more" for name, n in counts.items() if n < 1]
    refuse(troubles)
    from .films import films
    from .vbench_layout import DIMENSIONS, laid_out

    display.stage("clips")
    found = films(options.folder)
    layout = laid_out(options.layout, found, seed=options.seed, **counts)
    script = options.layout / "run.sh"
    with replacing(script, True) as temporary:
        temporary.write_text(layout.script(options.program))
    wanted = [(group, name) for group in layout.groups for name in DIMENSIONS]
    missing = [pair for pair in wanted if layout.score(*pair) is None]
    program = shutil.which(options.program)
    if missing and program is None:
        raise ValueError(
            f"program: there is no {options.program} on this machine. {options.layout} holds the "
            "clips: bring that folder to where VBench is installed (pip install vbench; it needs a "
            f"GPU and fetches its networks), run {script.name} in it there, bring it back and give "
            "this command again"
        )
    for n, (group, name) in enumerate(missing):
        display.stage(f"vbench {group} {name}", n, len(missing))
        command = layout.command(str(Path(program or "").absolute()), group, name)
        done = subprocess.run(command, check=False, cwd=options.layout)
        if layout.score(group, name) is None:
            raise ValueError(
                f"program: {options.program} left no result for {name} of {group} (exit status "
                f"{done.returncode}); what it printed says why. What is finished is kept"
            )
    return _report(layout, counts | {"seed": options.seed})


def _report(layout: Any, how: dict[str, int]) -> Any:
    from .report import Report
    from .vbench_layout import DIMENSIONS, MOTION

    scores = {
        group: {name: layout.score(group, name) for name in DIMENSIONS} for group in layout.groups
    }
    for found in scores.values():
        still = [value for name, value in found.items() if name != MOTION]
        found |= {
            "mean": sum(found.values()) / len(found),
            "without motion": sum(still) / len(still),
        }
    heads = [*DIMENSIONS, "mean", "without motion"]
    return Report(
        title="VBench in percent, single process, custom_input",
        header=("", *(name.replace("_", " ") for name in heads)),
        rows=[
            (group, *(f"{100 * found[name]:.2f}" for name in heads))
            for group, found in scores.items()
        ],
        record={"vbench": scores, "layout": str(layout.folder), "clips": how},
    )
