"""README.md of this folder and its plot, made from the records that lie here.

python -m infer benchmark table
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import plot, record, rows
from .record import FIELDS, HERE, QUIET

PROGRAMS = {
    "networks": "networks",
    "layers": "layers",
    "clips": "clips --public DIR",
    "frames": "frames",
    "start": "start --weights DIR",
    "video": "video --weights DIR",
    "cheaper": "cheaper --weights DIR",
    "pvdm_networks": "pvdm_networks --public DIR",
    "gpu": "gpu --out DIR",
}
"""Records that the table is made of, and how each is made."""
FIRST, LAST = "<!-- results: written by python -m infer benchmark table -->", "<!-- end -->"
"""What stands around the tables on the page."""


def main(argv: Sequence[str]) -> int:
    """Writes both; prints the tables."""
    record.programs.parser("python -m infer benchmark table", __doc__).parse_args(list(argv))
    records = read(HERE)
    drawn = plot.draw(records, HERE / "scaling.png")
    if drawn is None and not (HERE / "scaling.png").is_file():
        print("no plot: it needs frames.json, clips.json and matplotlib")
    page, tables = HERE / "README.md", text(records, (HERE / "scaling.png").is_file())
    page.write_text(placed(page.read_text(), tables))
    print(tables)
    return 0


def placed(page: str, tables: str) -> str:
    """The page with these tables in place of its own."""
    before, _, rest = page.partition(FIRST)
    _, _, after = rest.partition(LAST)
    return f"{before}{FIRST}\n{tables}\n{LAST}{after}"


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """The records that are there, by name.

    Raises:
        ValueError: one that lacks a field.
    """
    found = {}
    for name in PROGRAMS:
        file = folder / f"{name}.json"
        if not file.is_file():
            continue
        found[name] = json.loads(file.read_text())
        if missing := [field for field in FIELDS if field not in found[name]]:
            raise ValueError(f"{file}: it lacks {', '.join(missing)}; measure again")
    return found


def text(records: Mapping[str, Mapping[str, Any]], plotted: bool) -> str:
    """The tables: results, then commands and machines. plotted: there is a plot beside the page."""
    lines = ["| what | ours | other | ours/other | goal |", "|---|---|---|---|---|"]
    for name, found in records.items():
        made = rows.OF[name](found["results"])
        lines += [f"| {' | '.join(row)} |" for row in made]
    if missing := [name for name in PROGRAMS if name not in records]:
        lines += ["", f"Not recorded yet: {', '.join(missing)}."]
    if plotted:
        lines += ["", "![Time and memory against frames and devices](scaling.png)"]
    lines += ["", "| record | command | date | machine | versions |", "|---|---|---|---|---|"]
    for name, words in PROGRAMS.items():
        lines.append(f"| {' | '.join(_origin(name, words, records.get(name)))} |")
    return "\n".join(lines)


def _origin(name: str, words: str, found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return [name, f"`python -m infer benchmark {words}`", "not recorded", "", ""]
    machine = found["machine"]
    load = machine["load_average"][0]
    busy = "" if load < QUIET else f", **busy: load {load}**"
    where = f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}{busy}"
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return [f"`{name}.json`", f"`{found['command']}`", found["date"], where, versions]
