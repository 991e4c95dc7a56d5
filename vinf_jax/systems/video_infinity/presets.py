"""The scopes that have a name, and scopes as plain settings that JSON and configs can hold."""

import dataclasses
import difflib
import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

from vinf_jax.nn.dual import DualScope
from vinf_jax.nn.freenoise import FreeNoise
from vinf_jax.nn.independent import Independent
from vinf_jax.nn.reference import Phase, Reference
from vinf_jax.nn.scope import Full, Scope

PRESETS: dict[str, Any] = {
    "base": Full,
    "stretched": Full,
    "independent": Independent,
    "freenoise": FreeNoise,
    "reference": Reference,
    "video_infinity": DualScope,
}
"""base: every frame sees every frame, as in training. stretched: the same, as the name of a method
for long videos. independent: clips of the model's length, each by itself. freenoise: FreeNoise.
reference: the public implementation of Video-Infinity, whose result depends on its number of ranks.
video_infinity: dual-scope attention, exact on any mesh."""

ABLATIONS: dict[str, dict[str, Any]] = {
    "local_only": {"spread": 0},
    "global_only": {"local": 0, "strength": 0.0},
    "no_phases": {"strength": 0.0},
    "soft_phases": {"softness": 200.0},
    "few_local": {"local": 4},
    "many_local": {"local": 16},
    "few_global": {"spread": 4},
    "many_global": {"spread": 32},
    "even_globals": {"chosen": "even"},
    "unsynchronised": {"norm_clip": 16},
    "scaled": {"trained": 16},
    "shared_noise": {"noise": "shared"},
    "rescheduled_noise": {"noise": "rescheduled"},
    "spectral": {"spectral": 0.25, "strength": 0.0, "switch": 500},
}
"""`video_infinity` with one thing changed, by the name of the change; presets as the above are."""

CLIP = {"independent": "length", "freenoise": "window"}
"""Fields that are the frames of a training clip, unless they are given."""

KINDS: dict[Any, tuple[Any, str]] = {
    int: (Integral, "a whole number"),
    float: (Real, "a finite number"),
    bool: (bool, "True or False"),
    str: (str, "a word"),
}
"""Of a field's declared type: what fits, and what people call it."""


COMPOSITE: dict[str, tuple[Callable[[Any], bool], str]] = {
    "cuts": (lambda value: _are_frames(value), "a list of frame numbers"),
    "local_phase": (lambda value: _is_phase(value), "None or t, local_bias and global_bias"),
    "global_phase": (lambda value: _is_phase(value), "None or t, local_bias and global_bias"),
}
"""Fields of several values: what fits, and what people call it."""


def base() -> Full:
    """The base model: every frame sees every frame."""
    return Full()


def video_infinity(**fields: Any) -> DualScope:
    """Dual-scope attention with the paper's settings, or with other `DualScope` fields."""
    return DualScope(**fields)


def reference(ranks: int, **fields: Any) -> Reference:
    """The public implementation on `ranks` GPUs as released, or with other `Reference` fields."""
    return Reference(ranks, **fields)


def scope_of(settings: Scope | str | Mapping[str, Any], clip_frames: int | None = None) -> Scope:
    """The scope that settings mean: a scope as it is, a preset's name, or {"preset": name, field:
    value, ...} as `settings_of` writes it.

    clip_frames: of the model's training clips, for presets that cut a video into such.

    Raises:
        ValueError: no preset of that name, fields that it lacks, or values that do not fit.
    """
    if isinstance(settings, Full | Independent | FreeNoise | Reference | DualScope):
        return settings
    if not isinstance(settings, str | Mapping):
        raise ValueError(f"scope: {settings!r}; give a scope, a preset's name or its settings")
    fields = {"preset": settings} if isinstance(settings, str) else dict(settings)
    name = fields.pop("preset", "video_infinity")
    if isinstance(name, str) and name in ABLATIONS:
        name, fields = "video_infinity", ABLATIONS[name] | fields
    if not isinstance(name, str) or name not in PRESETS:
        names = ", ".join([*PRESETS, *ABLATIONS])
        raise ValueError(f"scope: no preset is called {name!r}; there are {names}")
    troubles = _field_troubles(name, fields)
    if troubles:
        raise ValueError("; ".join(troubles))
    if name in CLIP and clip_frames:
        fields = {CLIP[name]: clip_frames} | fields
    return PRESETS[name](**{field: _value(value) for field, value in fields.items()})


def settings_of(scope: Scope) -> dict[str, Any]:
    """The scope as plain settings, the inverse of `scope_of`."""
    names = {preset: name for name, preset in reversed(PRESETS.items())}
    fields: Any = scope
    return {"preset": names[type(scope)], **dataclasses.asdict(fields)}


def completed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that an older version wrote, with the fields that there are now; as they are, if
    they mean no scope now."""
    try:
        return settings_of(scope_of(settings))
    except ValueError:
        return dict(settings)


def _field_troubles(name: str, fields: Mapping[str, Any]) -> list[str]:
    kinds = {field.name: field.type for field in dataclasses.fields(PRESETS[name])}
    known = list(kinds)
    troubles = [
        f"scope: preset {name} has no field {field!r}{_near(field, known)}"
        for field in fields
        if field not in known
    ]
    troubles += [
        f"scope {field}: {value!r}, but it must be {KINDS[kinds[field]][1]}"
        for field, value in fields.items()
        if kinds.get(field) in KINDS and not _fits(value, kinds[field])
    ]
    troubles += [
        f"scope {field}: {value!r}; give {wanted}"
        for field, value in fields.items()
        if field in known and field in COMPOSITE
        for fits, wanted in [COMPOSITE[field]]
        if not fits(value)
    ]
    if name == "reference" and "ranks" not in fields:
        troubles.append(
            "scope: preset reference needs the field ranks, how many GPUs it stands for"
        )
    return troubles


def _fits(value: Any, kind: Any) -> bool:
    """True and False are no numbers, and numbers are finite."""
    right = isinstance(value, KINDS[kind][0]) and isinstance(value, bool) == (kind is bool)
    return right and (kind is str or math.isfinite(value))


def _are_frames(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(_fits(n, int) for n in value)


def _is_phase(value: Any) -> bool:
    return value is None or isinstance(value, Phase | Mapping)


def _value(value: Any) -> Any:
    """A field's value from what JSON holds."""
    if isinstance(value, Mapping):
        names = [field.name for field in dataclasses.fields(Phase)]
        if set(value) != set(names):
            raise ValueError(f"scope: {dict(value)} is no phase; it has {', '.join(names)}")
        return Phase(**value)
    return tuple(value) if isinstance(value, list) else value


def _near(field: str, known: list[str]) -> str:
    near = difflib.get_close_matches(field, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; it has {', '.join(known) or 'none'}"
