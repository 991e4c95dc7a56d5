"""Flags of the measures between folders of videos, and what runs them."""

import argparse
from pathlib import Path
from typing import Any

from .options import Flag, add_flags, given, refuse
from .progress import Display

FRECHET, SCORES = ("styleganv", "videogpt"), ("tganv2", "styleganv")
"""The names of the published protocols; `vinf_jax.metrics` has them."""
PUBLISHED = 2048
STEPS = (
    Flag("steps", int, "of the first clip"),
    Flag("later-steps", int, "of each later clip"),
)


def fvd(options: argparse.Namespace, troubles: list[str], display: Display) -> Any:
    """`evaluate fvd`."""
    refuse(troubles + _missing(options, "real", "fake"))
    from . import distances, feature_networks

    if options.features is None:
        raise ValueError(feature_networks.I3D_WANTED)
    return distances.fvd(
        _files(options, "real", options.seed),
        _made(options),
        display,
        protocol=options.protocol,
        features=options.features,
        clips=options.clips,
    )


def score(options: argparse.Namespace, troubles: list[str], display: Display) -> Any:
    """`evaluate is`."""
    refuse(troubles + _missing(options, "fake"))
    from . import distances, feature_networks

    looking = feature_networks.classifier(options.classifier)
    options.frames = looking.fewest
    return distances.score(
        _made(options),
        display,
        protocol=options.protocol,
        looking=looking,
        clips=options.clips,
    )


def reconstruction(options: argparse.Namespace, troubles: list[str], display: Display) -> Any:
    """`evaluate psnr`."""
    refuse(troubles + _missing(options, "real", "fake"))
    from . import distances

    real = _files(options, "real")
    return distances.reconstruction(
        real,
        _again(options, real),
        display,
        protocol=options.protocol,
        features=options.features,
        clips=options.clips,
    )


def fvd_flags(to: argparse.ArgumentParser) -> None:
    """Of `evaluate fvd`."""
    _real(to)
    _fake(to)
    _frechet(to)
    _clips(to)
    to.add_argument("--clips", type=int, default=PUBLISHED, help="of each (default: %(default)s)")
    _steps(to)


def score_flags(to: argparse.ArgumentParser) -> None:
    """Of `evaluate is`."""
    _fake(to)
    to.add_argument(
        "--classifier", metavar="FOLDER", help="C3D, as python -m convert import left it"
    )
    to.add_argument(
        "--protocol",
        choices=SCORES,
        default=SCORES[0],
        help="tganv2: up to 10 groups of --clips each; styleganv: --clips in 10 groups "
        "(default: %(default)s)",
    )
    to.add_argument("--clips", type=int, default=PUBLISHED, help="default: %(default)s")
    _size(to)
    _steps(to)


def reconstruction_flags(to: argparse.ArgumentParser) -> None:
    """Of `evaluate psnr`."""
    _real(to)
    _fake(to)
    _frechet(to)
    _clips(to)
    to.add_argument("--clips", type=int, help="pairs (default: all)")


def features_of(options: argparse.Namespace) -> Path | None:
    """The weights that a figure was made with, if they lie in a folder."""
    given = getattr(options, "features", None) or getattr(options, "classifier", None)
    return None if given in (None, "random") else Path(given)


def _real(to: argparse.ArgumentParser) -> None:
    to.add_argument("--real", type=Path, required=True, metavar="FOLDER", help="real videos")
    to.add_argument(
        "--split",
        choices=("train", "test", "all"),
        default="all",
        help="of the real (default: all)",
    )


def _fake(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--fake",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="videos that were made: video files, folders of pictures, or a model folder of PVDM's "
        "to make them with",
    )


def _frechet(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--protocol",
        choices=FRECHET,
        default=FRECHET[0],
        help="published way to resize and to compute (default: %(default)s)",
    )
    to.add_argument(
        "--features",
        metavar="FOLDER",
        help="I3D, as python -m convert import left it, or 'random': the shipped random features",
    )


def _clips(to: argparse.ArgumentParser) -> None:
    to.add_argument("--frames", type=int, default=16, help="of a clip (default: %(default)s)")
    to.add_argument("--every", type=int, default=1, help="take each N-th frame (default: 1)")
    _size(to)


def _steps(to: argparse.ArgumentParser) -> None:
    add_flags(to.add_argument_group("sampling, where --fake is a model"), STEPS)


def _size(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--size",
        type=int,
        default=256,
        help="videos are cut to their middle square of so many pixels first (default: %(default)s)",
    )


def _missing(options: argparse.Namespace, *names: str) -> list[str]:
    """What cannot be measured as it is asked for."""
    said = [
        f"{name}: there is no folder {getattr(options, name)}"
        for name in names
        if not getattr(options, name).exists()
    ]
    return said + [
        f"{name}: {value}; give 1 or more"
        for name in ("frames", "every", "size", "clips")
        if (value := getattr(options, name, None)) is not None and value < 1
    ]


def _made(options: argparse.Namespace) -> Any:
    """What is measured: files, or samples of a model."""
    if not _is_model(options.fake):
        return _files(options, "fake")
    from .model_sets import samples

    return samples(
        options.fake,
        frames=options.frames,
        every=getattr(options, "every", 1),
        size=options.size,
        seed=options.seed,
        wishes=given(options, STEPS),
    )


def _again(options: argparse.Namespace, real: Any) -> Any:
    """Reconstructions: files, or those of a model."""
    if not _is_model(options.fake):
        return _files(options, "fake")
    from .model_sets import reconstructions

    return reconstructions(options.fake, real)


def _is_model(folder: Path) -> bool:
    return (folder / "checkpoint.json").is_file()


def _files(options: argparse.Namespace, name: str, seed: int | None = None) -> Any:
    from .clip_sets import clip_set

    return clip_set(
        getattr(options, name),
        frames=options.frames,
        every=getattr(options, "every", 1),
        size=options.size,
        split=options.split if name == "real" else "all",
        seed=seed,
    )
