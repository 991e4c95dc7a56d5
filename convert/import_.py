"""Brings weights of others into a model folder, whole or not at all.

SRC is read as it lies, without a copy in memory. What was read, kept and left out, and what the
numbers are like, stands in DST/report.json; tensors that inference does not use are kept in
DST/kept.safetensors, so that an export gives them back. Networks of metrics and losses (I3D, C3D,
LPIPS; docs/metrics.md names their files) become checkpoints of their own. Exit status: 0, 2 for
anything that does not fit, 130 when stopped.
"""

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .options import SOURCE, add_source, add_target, parser, refuse_to_replace
from .progress import Bar
from .statistics import Statistics
from .tensors import Watched

DTYPES = ("float32", "bfloat16", "float16")


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    from vinf_jax.checkpoint import index

    from . import feature_networks, hub, model

    refuse_to_replace(options.target, options.force, options.path, index.foreign)

    found = hub.local(options.path, options.layout, options.variant)
    if network := None if options.layout else feature_networks.recognised(found.path):
        said = feature_networks.write(network, options.target, options.dtype, options.force)
        print(*said, sep="\n")
        return 0
    if model.is_ours(found.path):
        raise ValueError(f"{found.path} is a model folder already; export writes other layouts")
    source = model.read(found.path, options.layout, options.variant, options.vocabulary)
    source.report["source"] |= found.origin
    report = write(source, options.target, options.dtype, options.force)
    print(*_summary(options.target, source, report), sep="\n")
    return 0


def write(source: Any, target: Path, dtype: str | None = None, overwrite: bool = False) -> dict:
    """Writes a `Model` as a model folder and returns its report.

    Raises:
        ValueError: numbers that are too large for the dtype.
        OSError: the folder exists and is not to be replaced, or cannot be written.
    """
    numbers = {part: Statistics() for part in source.arguments}
    report = source.report | {"dtype": dtype or "as in the source"}
    most = _most(dtype)

    def told(name: str, x: Any) -> None:
        part = name.partition(".")[0]
        size = numbers[part].add(name, x)
        if size > most:
            raise ValueError(
                f"{name} holds {size:.4g}, and the largest {dtype} is {most:.4g}; choose "
                "bfloat16 or float32"
            )
        report["filled"] = {part: seen.to_dict() for part, seen in numbers.items()}

    with Bar(f"import {source.path.name}", source.bytes) as bar:
        source.family.write(
            target,
            Watched(source.arrays, source.shapes, told),
            arguments=source.arguments,
            **{name: getattr(source, name) for name in source.family.fields},
            dtype=dtype,
            kept=source.kept,
            report=report,
            provenance={"imported": report["source"]},
            overwrite=overwrite,
            on_array=bar,
        )
    return report


def _most(dtype: str | None) -> float:
    if dtype is None:
        return math.inf
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype).max)


def _summary(target: Path, source: Any, report: Mapping[str, Any]) -> list[str]:
    from . import schedules

    lines = [f"{target}: {source.layout} imported, {report['dtype']}"]
    for part, kind in report["components"].items():
        said = report["filled"][part]
        strange = said["nan"] + said["infinite"]
        numbers = f"{strange} numbers are not finite" if strange else "all finite"
        lines.append(
            f"  {part}: {kind}, {said['tensors']} arrays, {said['parameters']:,} parameters, "
            f"max |x| {said['largest']:.4g}, {numbers}"
        )
    read = f"{len(report['read'])} tensors read"
    kept = f"{len(report['kept'])} kept, {len(report['left_out'])} left out"
    lines.append(f"  {read}, {kept}; every parameter filled once (report.json names them all)")
    if "schedule" in report:
        lines.append(f"  schedule: {schedules.line(report['schedule'])}")
    missing = [part for part in source.family.networks if part not in report["components"]]
    if missing:
        lines.append(f"  without {' and '.join(missing)}: it can be exported, not sampled")
    elif "tokenizer" in source.family.fields and source.tokenizer is None:
        lines.append("  without a tokenizer: import again with --vocabulary, or name it to infer")
    return lines


def _parser() -> argparse.ArgumentParser:
    to = parser("import", __doc__, SOURCE.replace("PATH", "SRC"))
    add_source(to, metavar="SRC")
    add_target(to, "the model folder")
    to.add_argument(
        "--dtype", choices=DTYPES, help="of the parameters in DST (default: as they are in SRC)"
    )
    to.add_argument(
        *("--vocabulary", "--tokenizer"),
        type=Path,
        metavar="PATH",
        help="folder with vocab.json and merges.txt, or OpenCLIP's bpe_simple_vocab_16e6.txt.gz "
        "(default: the tokenizer in SRC, if it has one)",
    )
    return to
