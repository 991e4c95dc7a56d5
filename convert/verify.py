"""Compares two models number by number, whatever layouts they have: proof that nothing was lost.

Reads both again and compares networks, names, shapes, the SHA-256 of every tensor as ours, and what
decides how the model samples: noise schedule, prediction, scale of latents, tokenizer. Where DST
has another dtype, SRC is rounded to it first. Kept tensors are compared too, and must be there
wherever the layout has a place for them. Exit status: 0 if all agree, 1 if not, 2 where one cannot
be read.
"""

import argparse
from pathlib import Path

from .options import SOURCE, parser
from .progress import Bar

SHOWN = 20


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    from . import comparison, hub, model

    path = hub.local(options.path, None, options.variant).path
    first = model.read(path, variant=options.variant)
    second = model.read(options.target)
    with Bar("verify", first.bytes) as bar:
        found = comparison.compare(first, second, bar.told)
    for part in found.parts:
        print(part.line())
    for note in found.notes:
        print(note)
    for line in found.differences[:SHOWN]:
        print(f"differs: {line}")
    if len(found.differences) > SHOWN:
        print(f"and {len(found.differences) - SHOWN} differences more")
    verdict = "differ" if found.differences else "agree, bit for bit"
    print(f"{options.path} and {options.target} {verdict}")
    return 1 if found.differences else 0


def _parser() -> argparse.ArgumentParser:
    to = parser("verify", __doc__, SOURCE.replace("PATH", "SRC, and DST,"))
    to.add_argument("path", type=Path, metavar="SRC", help="one model")
    to.add_argument("target", type=Path, metavar="DST", help="the other")
    to.add_argument("--variant", metavar="NAME", help="of weights in folders of SRC, such as fp16")
    return to
