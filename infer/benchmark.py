"""Measures time and memory against PyTorch, diffusers, transformers and the public codes.

The programs lie in benchmarks/ of a checkout, beside what they have recorded, and take the place of
this one: they also need the converter and the test data.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn

CHECKOUT = Path(__file__).resolve().parents[1]


def main(argv: list[str]) -> NoReturn:
    """Becomes a program of benchmarks/, in the same process: what stops this one stops that."""
    if not (CHECKOUT / "benchmarks" / "__main__.py").is_file():
        raise ValueError(
            "benchmark: the measuring programs belong to a checkout of the project and are not "
            "installed; get one, and run python -m infer benchmark there"
        )
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *argv], environment)
