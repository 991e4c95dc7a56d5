"""The scopes that have a name, and scopes as plain settings that JSON and configs can hold."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from vinf_jax.nn.reference import Phase, Reference
from vinf_jax.nn.scope import DualScope, Full, Scope

PRESETS = {"base": Full, "video_infinity": DualScope, "reference": Reference}
"""base: every frame sees every frame, as in training. video_infinity: dual-scope attention, exact
on any mesh. reference: the public implementation, whose result depends on its number of ranks."""


def base() -> Full:
    """The base model: every frame sees every frame."""
    return Full()


def video_infinity(**fields: Any) -> DualScope:
    """Dual-scope attention with the paper's settings, or with other `DualScope` fields."""
    return DualScope(**fields)


def reference(ranks: int, **fields: Any) -> Reference:
    """The public implementation on `ranks` GPUs as released, or with other `Reference` fields."""
    return Reference(ranks, **fields)


def scope_of(settings: Scope | str | Mapping[str, Any]) -> Scope:
    """The scope that settings mean: a scope as it is, a preset's name, or {"preset": name, field:
    value, ...} as `settings_of` writes it.

    Raises:
        ValueError: no preset of that name, fields that it lacks, or values that do not fit.
    """
    if isinstance(settings, Full | DualScope | Reference):
        return settings
    if not isinstance(settings, str | Mapping):
        raise ValueError(f"scope: {settings!r}; give a scope, a preset's name or its settings")
    fields = {"preset": settings} if isinstance(settings, str) else dict(settings)
    name = fields.pop("preset", "video_infinity")
    if name not in PRESETS:
        raise ValueError(f"scope: no preset is called {name!r}; there are {', '.join(PRESETS)}")
    known = [field.name for field in dataclasses.fields(PRESETS[name])]
    troubles = [
        f"scope: preset {name} has no field {field!r}{_near(field, known)}"
        for field in fields
        if field not in known
    ]
    if name == "reference" and "ranks" not in fields:
        troubles.append(
            "scope: preset reference needs the field ranks, how many GPUs it stands for"
        )
    if troubles:
        raise ValueError("; ".join(troubles))
    return PRESETS[name](**{field: _phase(value) for field, value in fields.items()})


def settings_of(scope: Full | DualScope | Reference) -> dict[str, Any]:
    """The scope as plain settings, the inverse of `scope_of`."""
    names: dict[type, str] = {preset: name for name, preset in PRESETS.items()}
    return {"preset": names[type(scope)], **dataclasses.asdict(scope)}


def _phase(value: Any) -> Any:
    return Phase(**value) if isinstance(value, Mapping) else value


def _near(field: str, known: list[str]) -> str:
    near = difflib.get_close_matches(field, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; it has {', '.join(known) or 'none'}"
