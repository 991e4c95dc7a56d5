"""What `evaluate` measures between folders of videos: FVD, inception score, PSNR and R-FVD."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from vinf_jax.metrics import frechet, inception_score
from vinf_jax.metrics.frechet import Statistics, distance, gathered
from vinf_jax.metrics.psnr import psnr

from . import feature_networks
from .clip_sets import Named, Told, Videos, enough, paired
from .feature_networks import Looking
from .options import refuse
from .progress import Display
from .report import Report

FRAMES_AT_ONCE = 128
"""Of the clips that a network sees in one call."""
EQUAL = 999.0
"""What JSON is told of an infinite PSNR."""


def fvd(
    real: Videos,
    made: Videos,
    display: Display,
    *,
    protocol: str,
    features: str | None,
    clips: int,
) -> Report:
    """Frechet distance of two sets, `clips` of each."""
    chosen = frechet.PROTOCOLS[protocol]
    looking = feature_networks.distance_features(features, chosen)
    refuse(_short(looking, real.frames) + enough({"real": real, "fake": made}, clips))
    both = [
        _statistics(found, chosen, looking, clips, _steps(display, title, clips))
        for title, found in (("real", real), ("fake", made))
    ]
    record = _common(real, clips) | _frechet(looking, chosen)
    record |= {"real": real.record(), "fake": made.record()}
    return _report(looking.name, distance(*both), record)


def score(made: Videos, display: Display, *, protocol: str, looking: Looking, clips: int) -> Report:
    """Inception score of a set; mean and deviation over the groups of the protocol."""
    chosen = inception_score.PROTOCOLS[protocol]
    found = inception_score.Score(chosen.ends(clips, len(made)))
    came = _frames(made.take(found.total, _steps(display, "fake", found.total)))
    for logits in _batched(came, looking):
        found.add(logits)
    mean, deviation = found.result()
    record = _common(made, found.total) | {
        "protocol": chosen.name,
        "groups": found.groups,
        "features": looking.through,
        "resize": looking.resize,
        "deviation": deviation,
        "fake": made.record(),
    }
    return _report(looking.name, mean, record)


def reconstruction(
    real: Named,
    made: Named,
    display: Display,
    *,
    protocol: str,
    features: str | None,
    clips: int | None,
) -> Report:
    """PSNR of reconstructions, paired with their originals by name; with `features`, R-FVD too."""
    paired(real, made)
    count = len(real) if clips is None else clips
    refuse(enough({"real": real, "fake": made}, count))
    report = None
    if features is not None:
        told = {"protocol": protocol, "features": features, "clips": count}
        report = fvd(real, made, display, **told)
    pairs = zip(
        _frames(real.take(count, _steps(display, "pairs", count))),
        _frames(made.take(count, lambda n: None)),
        strict=True,
    )
    figures = [min(psnr(*pair), EQUAL) for pair in pairs]
    if lonely := sorted({*real.passed, *made.passed}):
        raise ValueError(f"pairs of which one cannot be read: {', '.join(lonely)}")
    record = _common(real, count) | {
        "lowest": min(figures),
        "highest": max(figures),
        "each": dict(zip(real.names, figures, strict=False)),
        "real": real.record(),
        "fake": made.record(),
    }
    found = _report("PSNR dB", float(np.mean(figures)), record)
    return found if report is None else _joined(found, report)


def _statistics(
    found: Videos,
    protocol: frechet.Protocol,
    looking: Looking,
    count: int,
    told: Told,
) -> Statistics:
    moments = gathered(_batched(_frames(found.take(count, told)), looking))
    resolution = f"{found.size}x{found.size}"
    return Statistics(protocol, looking.through, found.frames, resolution, moments)


def _short(looking: Looking, frames: int) -> list[str]:
    few = frames < looking.fewest
    return [f"frames: {frames}; {looking.through} needs {looking.fewest} or more"] * few


def _frames(came: Iterable[tuple[str, np.ndarray]]) -> Iterator[np.ndarray]:
    return (frames for _, frames in came)


def _batched(clips: Iterator[np.ndarray], looking: Looking) -> Iterator[np.ndarray]:
    """Features of a few clips at a time; the last few are filled up, so nothing compiles twice."""
    first = next(clips, None)
    if first is None:
        return
    size = max(1, FRAMES_AT_ONCE // len(first))
    batch = [first, *islice(clips, size - 1)]
    while batch:
        filled = np.stack([*batch, *[batch[-1]] * (size - len(batch))])
        yield looking.of(filled)[: len(batch)]
        batch = list(islice(clips, size))


def _steps(display: Display, title: str, total: int) -> Told:
    return lambda n: display.stage(title, n, total)


def _common(found: Videos, count: int) -> dict[str, Any]:
    """What every figure is printed with."""
    side = found.size
    return {
        "clips": count,
        "frames": found.frames,
        "every": found.every,
        "resolution": f"{side}x{side}",
        "cut": f"middle square, bilinear to {side}x{side}, no antialias",
    }


def _frechet(looking: Looking, protocol: frechet.Protocol) -> dict[str, Any]:
    return {
        "protocol": protocol.name,
        "features": looking.through,
        "resize": looking.resize,
        "covariance": protocol.covariance,
        "root": protocol.root,
    }


def _report(name: str, value: float, record: dict[str, Any]) -> Report:
    """A table of everything plain, and the same with the sets for JSON."""
    plain = {key: text for key, text in record.items() if not isinstance(text, dict)}
    rows = [
        (key, f"{text:.4f}" if isinstance(text, float) else str(text))
        for key, text in plain.items()
    ]
    shown = "equal" if value == EQUAL else f"{value:.3f}"
    return Report(
        title=name,
        header=("figure", shown),
        rows=rows,
        record={"figure": {"name": name, "value": value}} | record,
    )


def _joined(first: Report, second: Report) -> Report:
    """PSNR first, the distance behind it as R-..."""
    name = f"R-{second.title}"
    value = second.record["figure"]["value"]
    more = {
        key: second.record[key] for key in ("protocol", "features", "resize", "covariance", "root")
    }
    return Report(
        title=f"{first.title} and {name}",
        header=first.header,
        rows=[
            *first.rows,
            (name, f"{value:.3f}"),
            *((key, str(text)) for key, text in more.items()),
        ],
        record=first.record | {"distance": {"name": name, "value": value} | more},
    )
