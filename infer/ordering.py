"""Orders out of what the flags say: everything is checked before the first video is begun."""

import argparse
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import jax

from vinf_jax.programs import load_config
from vinf_jax.systems.video_infinity.fitting import cannot_fit
from vinf_jax.systems.video_infinity.opening import folder_troubles

from . import record
from .devices import described
from .job_flags import follows
from .loading import dtype_on, weights_of
from .making import Order, codec_troubles
from .options import refuse
from .outputs import Outputs


def orders(
    options: argparse.Namespace,
    config: Mapping[str, Any],
    command: tuple[str, Sequence[str]],
    model: Any,
    wishes: Mapping[str, Any],
    files: Mapping[int, Outputs],
    troubles: Sequence[str],
    *,
    given: Collection[int] = (),
    parts: Sequence[Mapping[str, Any]] = (),
    **sources: Any,
) -> list[Order]:
    """One order for each seed.

    Args:
        options: of `job_flags`, `options.add_model`. config: its fields by dotted name.
        command: the program's name and its arguments.
        wishes: arguments of `VideoInfinity.begin`, but for the seed and the given frames.
        files: of every seed.
        troubles: what was found wrong before.
        given: numbers of the given frames. parts: where they come from, for the manifest.
        sources: `stretches` and `source` of an order.

    Raises:
        ValueError: one message with everything that does not fit.
    """
    found, makings = list(troubles), {}
    for seed in files:
        try:
            makings[seed] = model.begin(**wishes, seed=seed, given=given)
        except ValueError as error:
            found.append(str(error))
    found += _file_troubles(options, model.settings, wishes, files.values())
    refuse(list(dict.fromkeys(found)))
    first = next(iter(makings.values()))
    refuse(cannot_fit(model, first.request, jax.devices()))
    run = _run(options, command)
    asked = {
        "config": dict(config),
        "weights": run["weights"]["sha256"],
        "dtype": dtype_of(options),
        "given": list(parts),
    }
    how = _manner(options) | sources
    return [Order(model, makings[seed], asked, run, files[seed], **how) for seed in files]


def dtype_of(options: argparse.Namespace) -> str:
    """The precision of the arithmetic: the given one, or what the config wishes here."""
    return options.dtype or dtype_on(load_config(options.config), jax.default_backend())


def _run(options: argparse.Namespace, command: tuple[str, Sequence[str]]) -> dict[str, Any]:
    return record.of_run(*command, weights_of(options)) | {
        "config": str(options.config),
        "mesh": described(options.clips, options.guidance_groups),
    }


def _manner(options: argparse.Namespace) -> dict[str, Any]:
    names = ("scale", "resume", "force", "preview", "save_every")
    return {name: getattr(options, name) for name in names} | {"keep": options.keep_job}


def _file_troubles(
    options: argparse.Namespace, settings: Any, wishes: Mapping[str, Any], files: Iterable[Outputs]
) -> list[str]:
    """What keeps the codec from encoding the videos, or the jobs' folders from being used."""
    names = ("fps", "height", "width")
    sizes = [wishes.get(name) or getattr(settings, name) for name in names]
    found = []
    for each in files:
        how = {"resume": options.resume, "force": options.force}
        found += [] if follows(options) else folder_troubles(each.job, **how)
        found += codec_troubles(each.video, *sizes, options.scale)
    return found
