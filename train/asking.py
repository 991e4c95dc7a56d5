"""What people ask of a training program, from its flags."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vinf_jax.programs import load_config, override, parser


class Asked(NamedTuple):
    """A config, and what a program's `run` takes beside it."""

    config: Any
    out: Path
    stages: Sequence[str]
    weights: Path | None
    force: bool


def asked(
    argv: Sequence[str],
    program: str,
    story: str | None,
    notes: str,
    *,
    config: str,
    stages: Sequence[str],
    model: str,
) -> Asked:
    """What the command line says.

    program: its name. story, notes: of --help. config: the default. stages: all that there are.
    model: folder of the run that export writes by itself.
    """
    to = parser(f"python -m train {program}", story, notes)
    to.add_argument("--config", default=config, help="config file")
    to.add_argument("--out", type=Path, required=True, help="folder of the run")
    to.add_argument(
        "--stages", nargs="+", choices=stages, default=stages, help="which stages to run, in order"
    )
    to.add_argument("--weights", type=Path, help=f"where export writes (default: OUT/{model})")
    to.add_argument("--force", action="store_true", help="replace the model that --weights names")
    options, rest = to.parse_known_args(argv)
    chosen = override(load_config(options.config), rest, prog=to.prog)
    return Asked(chosen, options.out, options.stages, options.weights, options.force)
