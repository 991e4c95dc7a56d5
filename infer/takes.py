"""What `extend` and `retake` begin with: a finished job, or any video."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .job_flags import file_troubles
from .options import CONFIG, SAMPLING, given, scope_settings
from .outputs import Outputs, of_seeds, suffix_troubles
from .spans import Range

ADVICE = "give the folder of a finished job (out/video.job), its video, or any other video"


class Origin(NamedTuple):
    """A video that there is. job: whose it is, or None. asked: of the job, with what an older
    version left unsaid. run: its latest."""

    path: Path
    job: Any
    asked: dict[str, Any]
    run: dict[str, Any]


def origin(path: Path) -> Origin:
    """The video at `path`: a job's folder, or the video of a job that lies beside it, or another.

    A job's video counts as that only as long as it is the file that the job ended with, or while
    another job that is to take its place is not through.

    Raises:
        ValueError: nothing there, or a job that is unfinished or damaged.
    """
    from vinf_jax.checkpoint.index import measured
    from vinf_jax.systems.video_infinity.asked import completed
    from vinf_jax.systems.video_infinity.opening import finished_job

    path = path if path.name else path.absolute()
    if not path.exists():
        raise ValueError(f"{path}: there is no such file or folder; {ADVICE}")
    if path.is_dir():
        job = finished_job(path)
    elif (beside := path.with_suffix(".job")).is_dir():
        job = finished_job(beside)
        own = job.finished == measured(path, checksums=True) or _successor(beside).is_dir()
        job = job if own else None
    else:
        job = None
    if job is None:
        return Origin(path, None, {}, {})
    return Origin(path, job, completed(job.asked), job.manifest.facts["runs"][-1])


def adopt(options: argparse.Namespace, of: Origin) -> None:
    """What the flags leave open is as in the origin's job: config, weights, precision, scale."""
    options.config = options.config or of.run.get("config", CONFIG)
    if options.weights is None and of.job:
        options.weights = Path(of.run["weights"]["folder"])
    options.dtype = options.dtype or of.asked.get("dtype")
    options.scale = options.scale if options.scale is not None else of.asked.get("scale")


def wishes(options: argparse.Namespace, of: Origin) -> tuple[list[str], dict[str, Any]]:
    """What does not fit, and the arguments of `VideoInfinity.begin` but for prompts, length and
    scope: those of the job that the flags do not change."""
    stored = dict(of.asked.get("settings", {}))
    stored.pop("scope", None)
    asked = given(options, SAMPLING)
    if "wave" in asked:
        stored.pop("overlap", None)
    troubles = [
        f"{name}: {asked[name]}, but {of.path} has {stored[name]}; leave it out"
        for name in ("height", "width", "fps")
        if of.job and asked.get(name, stored[name]) != stored[name]
    ]
    stored |= asked | {"clips": options.clips, "guidance_groups": options.guidance_groups}
    negative = options.negative_prompt
    if negative is None:
        negative = of.asked.get("negative_prompt", "")
    return troubles, stored | {"negative_prompt": negative}


def scope(options: argparse.Namespace, of: Origin, own: dict[str, Any]) -> dict[str, Any] | None:
    """The scope as plain settings: the job's with what flags change, or, of any other video, the
    model's `own` with that; None where it is the model's own."""
    stored = of.asked.get("settings", {}).get("scope")
    chosen = scope_settings(options, stored or own)
    if chosen is None:
        return stored
    kept = {"cuts": stored["cuts"]} if stored and stored.get("cuts") and _cuttable(chosen) else {}
    return kept | chosen


def _cuttable(scope: dict[str, Any]) -> bool:
    """Whether scenes can be parted in such a scope."""
    from vinf_jax.systems.video_infinity.presets import ABLATIONS

    return scope.get("preset") in ("video_infinity", *ABLATIONS)


def placed(
    of: Origin, options: argparse.Namespace, what: str, seed: int
) -> tuple[list[str], dict[int, Outputs], Path | None]:
    """Of the video to make, which is --out, or one beside the origin, named after it: what is wrong
    with the places of its files, the files by seed, and the folder that its job's takes the place
    of in the end."""
    out = options.out or of.path.with_name(f"{of.path.stem}-{what}.mp4")
    job, replaced = _folders(of, options.job or out.with_suffix(".job"))
    files = of_seeds(out, [seed], job)
    troubles = suffix_troubles(out, ".mp4")
    troubles += file_troubles(options, list(files.values()), replaced)
    if replaced and not options.force:
        troubles.append(
            f"job: {replaced} is the job that this one comes from; --force replaces it in the end"
        )
    return troubles, files, replaced


def _folders(of: Origin, wanted: Path) -> tuple[Path, Path | None]:
    """Where the new job is made, and which folder its takes the place of in the end: the origin's,
    where a person names that, however it is spelled."""
    if of.job is None or not (wanted.exists() and wanted.samefile(of.job.folder)):
        return wanted, None
    place = wanted.resolve()
    return _successor(place), place


def _successor(job: Path) -> Path:
    """Where the job is made that takes this one's place in the end."""
    return job.with_suffix(".new.job")


def footage(of: Origin, wishes: dict[str, Any], settings: Any) -> Any:
    """The origin's frames as they are to be shown (`Material`), where it is no job's.

    Raises:
        ValueError: it cannot be read.
    """
    from vinf_jax.media.material import material

    sizes = [wishes.get(name) or getattr(settings, name) for name in ("fps", "height", "width")]
    return material(of.path, *sizes)


def parts(of: Origin, spans: Sequence[Range]) -> list[dict[str, Any]]:
    """The given frames for a job's manifest, and what marks the job that they come from."""
    names = of.job.latents()
    mark = [of.job.manifest.files[name] for name in names]
    return [{"start": start, "stop": stop, "of": mark} for start, stop in spans]


def fit_crossfade(wishes: dict[str, Any], asked: bool) -> None:
    """A job's cross-fade, cut down where a range is shorter now; a person's own stays."""
    from vinf_jax.systems.video_infinity.prompts import longest_crossfade

    if "crossfade" in wishes and not asked:
        wishes["crossfade"] = min(wishes["crossfade"], longest_crossfade(wishes["ranges"]))
