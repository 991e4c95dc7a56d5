"""Measures time and memory against PyTorch, diffusers, transformers and the public codes.

The programs lie in benchmarks/ of a checkout, beside what they have recorded, and are run as a
process of their own: they also need the converter and the test data.
"""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def main(argv: list[str]) -> int:
    """Runs a program of benchmarks/ and returns its exit status."""
    if not (CHECKOUT / "benchmarks" / "__main__.py").is_file():
        raise ValueError(
            "benchmark: the measuring programs belong to a checkout of the project and are not "
            "installed; get one, and run python -m infer benchmark there"
        )
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run([sys.executable, "-m", "benchmarks", *argv], env=environment).returncode
