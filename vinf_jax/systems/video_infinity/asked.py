"""What was asked of a job, as its manifest holds it, and in what a second asking differs."""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from vinf_jax.diffusion.known import OWN_LEVEL
from vinf_jax.systems.video_infinity.kinds import ALL
from vinf_jax.systems.video_infinity.presets import completed as completed_scope
from vinf_jax.systems.video_infinity.presets import settings_of
from vinf_jax.systems.video_infinity.request import Request
from vinf_jax.systems.video_infinity.waves import Wave

SETTINGS = ("steps", "guidance", "sampler", "karras", "height", "width", "fps", "crossfade")
SETTINGS += ("wave", "overlap", "known_time", "guidance_steps", "reuse", "exchange")
BEFORE: dict[str, Any] = {
    "known_time": OWN_LEVEL,
    "guidance_steps": ALL,
    "reuse": 1,
    "exchange": "exact",
}
"""What settings were when there was no such field yet."""
SHOWN = 60
"""Letters of a value that a difference shows."""


def asked_of(request: Request, waves: Iterable[Wave], **more: Any) -> dict[str, Any]:
    """All that decides which video a job makes, devices aside: the wishes as they were resolved,
    and `more` that JSON holds (config, weights, dtype, given frames, enlargement).

    waves stand as a checksum: another version of the plan would make other calls.
    """
    scope: Any = request.scope
    plan = [[wave.numbers, wave.known, wave.afar] for wave in waves]
    return more | {
        "prompts": list(request.prompts),
        "ranges": [[int(a), int(b)] for a, b in request.ranges],
        "negative_prompt": request.negative_prompt,
        "frames": request.frames,
        "seed": request.seed,
        "settings": {name: getattr(request, name) for name in SETTINGS}
        | {"scope": settings_of(scope)},
        "plan": zlib.crc32(repr(plan).encode()),
    }


def differences(
    stored: Mapping[str, Any],
    asked: Mapping[str, Any],
    where: tuple[str, str] = ("in the job", "asked for"),
) -> list[str]:
    """One line for each field in which two askings differ: "settings.steps: 30 in the job, 20 asked
    for"."""
    before, now = _flat(completed(stored)), _flat(asked)
    names = [*before, *(name for name in now if name not in before)]
    return [
        f"{name}: {_shown(before, name)} {where[0]}, {_shown(now, name)} {where[1]}"
        for name in names
        if before.get(name, _NONE) != now.get(name, _NONE)
    ]


_NONE = object()


def completed(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What an older version was asked, with the fields that settings and scopes have now."""
    settings = BEFORE | dict(asked.get("settings", {}))
    if "scope" in settings:
        settings["scope"] = completed_scope(settings["scope"])
    return {**asked, "settings": settings}


def _shown(fields: Mapping[str, Any], name: str) -> str:
    text = repr(fields[name]) if name in fields else "nothing"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 4]} ..."


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Fields by dotted name; tuples are lists, as in JSON."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = _plain(value)
    return flat


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
