"""Ways to make a long video with one model, as `compare` is told them: a preset and its fields."""

import argparse
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .options import SAMPLING, SCOPE, cuts, shares

EXAMPLE = "own, reference:ranks=8, wide=video_infinity:local=16,spread=0"

WANTED: dict[Any, str] = {
    int: "a whole number",
    float: "a finite number",
    bool: "true or false",
    str: "a name",
}
"""Of the flags that are these."""
_PARSED = {
    flag.name.replace("-", "_"): flag.type for flag in SAMPLING if flag.type in (cuts, shares)
}
"""How the fields that are neither a number nor a name are written."""
OWN = "own"
"""What stands in place of a preset for the scope in a model's own settings."""


@dataclass(frozen=True)
class Method:
    """name: of its column and folder. scope: settings for `scope_of`. sampling: other arguments
    of `generate`."""

    name: str
    scope: dict[str, Any]
    sampling: dict[str, Any]

    def scope_for(self, frames: int, settings: Any) -> dict[str, Any]:
        """The scope of a video of so many frames, from a model of these settings: the reference
        gets as many ranks as the video has training clips, if nobody said how many."""
        fields = dict(self.scope)
        preset = fields.pop("preset")
        if preset == OWN:
            return dict(settings.scope) | fields
        if preset == "reference":
            fields = {"ranks": max(1, frames // settings.clip_frames)} | fields
        return {"preset": preset} | fields


def methods(texts: Sequence[str]) -> tuple[list[str], list[Method]]:
    """(what is wrong, the methods) of texts like NAME=PRESET:FIELD=VALUE,...; names and fields may
    be left out. A field that is a flag of sampling is one, the others are the scope's."""
    troubles, found = [], []
    for text in texts:
        try:
            found.append(method(text))
        except ValueError as error:
            troubles.append(str(error))
    names = [each.name for each in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    troubles += [f"methods: {name} stands more than once; give them names" for name in twice]
    return troubles, found


def method(text: str) -> Method:
    """One method.

    Raises:
        ValueError: a text that cannot be understood.
    """
    head, _, rest = text.partition(":")
    name, _, preset = head.rpartition("=")
    pairs = [field.partition("=") for field in re.split(r",(?=[\w-]+=)", rest)] if rest else []
    if not preset or not all(field and value for field, _, value in pairs):
        raise ValueError(f"methods: {text!r} cannot be understood; write them like {EXAMPLE}")
    fields = {}
    for field, _, value in pairs:
        key = field.replace("-", "_")
        fields[key] = _value(text, key, value)
    if troubles := _field_troubles(fields):
        raise ValueError(f"methods: {text!r}: {', '.join(troubles)}")
    sampling = {flag.name.replace("-", "_") for flag in SAMPLING}
    label = re.sub(r"[^\w.=+-]+", "_", name or text)
    return Method(
        label,
        {"preset": preset} | {k: v for k, v in fields.items() if k not in sampling},
        {k: v for k, v in fields.items() if k in sampling},
    )


def _field_troubles(fields: dict[str, Any]) -> list[str]:
    """Why these values are none that the flags of the same names take."""
    types = {flag.name.replace("-", "_"): flag.type for flag in (*SAMPLING, *SCOPE)}
    return [
        f"{name} is {value!r}; give {WANTED[types[name]]}"
        for name, value in fields.items()
        if types.get(name) in WANTED and not _fits(types[name], value)
    ]


def _fits(type: Any, value: Any) -> bool:
    if isinstance(value, bool) or type is bool:
        return isinstance(value, bool) and type is bool
    if type is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, type)


def _value(method: str, field: str, text: str) -> Any:
    """As JSON reads it, or else as the flag of that name does, or the text itself."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    read = _PARSED.get(field)
    if read is None or isinstance(value, list):
        return value
    try:
        return read(text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"methods: {method!r}: {field}: {error}") from None
