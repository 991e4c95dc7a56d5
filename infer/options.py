"""The flags that programs which run a model share, as tables, and what they mean.

What is not given is left to the model's own settings, which lie with its weights.
"""

import argparse
import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from vinf_jax import programs
from vinf_jax.programs import Parser, load_config, override

MOST_SEED = 2**31 - 1
CONFIG = "configs/sprites.py"
"""Of a program that is given none."""


class Flag(NamedTuple):
    name: str
    type: Callable[[str], Any]
    help: str


def cuts(text: str) -> str | list[int]:
    """ "prompts" or "none" as it is; "32,64" -> [32, 64].

    Raises:
        ArgumentTypeError: anything else.
    """
    if text in ("prompts", "none"):
        return text
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}; give frame numbers such as 32,64, or prompts, or none"
        ) from None


def shares(text: str) -> list[float]:
    """ "0.2:0.8" -> [0.2, 0.8].

    Raises:
        ArgumentTypeError: anything else.
    """
    try:
        start, stop = map(float, text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}; give two shares such as 0.2:0.8, or 0:1 for all"
        ) from None
    return [start, stop]


def file(text: str) -> Path:
    """A path that names a file.

    Raises:
        ArgumentTypeError: it has no name, as "." and "/" have none.
    """
    path = Path(text)
    if path.name in ("", ".."):
        raise argparse.ArgumentTypeError(f"{text!r} names no file; give one, such as out/name")
    return path


def folder(text: str) -> Path:
    """A path that names a folder; the one that we are in, by its own name.

    Raises:
        ArgumentTypeError: it has no name, as "/" has none.
    """
    path = Path(text)
    return path if path.name else file(str(path.absolute()))


def seed(text: str) -> int:
    """A number that randomness can begin with.

    Raises:
        ArgumentTypeError: none.
    """
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= MOST_SEED:
        raise argparse.ArgumentTypeError(f"{text!r}; give a whole number from 0 to {MOST_SEED}")
    return number


DTYPES = ("float32", "bfloat16", "float16")
VOCABULARY = "a folder with vocab.json and merges.txt, or OpenCLIP's bpe_simple_vocab_16e6.txt.gz"
METAVARS = {int: "N", float: "X", str: "NAME", cuts: "WHERE", shares: "FROM:TO"}
SAMPLING = (
    Flag("steps", int, "sampling steps"),
    Flag("guidance", float, "scale of classifier-free guidance; 1 is none"),
    Flag("guidance-steps", shares, "share of the steps that guidance leads, such as 0.2:0.8"),
    Flag("reuse", int, "steps from one whole network to the next, with its first level between"),
    Flag("exchange", str, "of features between devices: exact or int8"),
    Flag("sampler", str, "dpmsolver++, sde-dpmsolver++, ddim or ancestral-ddim"),
    Flag("karras", bool, "noise levels as Karras et al. space them"),
    Flag("fps", float, "frames per second that the model is told, and of the video"),
    Flag("height", int, "pixels, before enlarging"),
    Flag("width", int, "pixels, before enlarging"),
    Flag("crossfade", int, "frames over which one prompt passes into the next"),
    Flag("cuts", cuts, "where scenes change: 32,64 (their first frames), prompts, none"),
    Flag("wave", int, "frames made in one go, for videos beyond the memory; 0: all"),
    Flag("overlap", int, "frames before them that a wave sees again"),
    Flag("known-time", int, "time (0..1000) than which frames that are there look no noisier"),
    Flag("portion", int, "pixels of latents that layers compute at once; fewer need less memory"),
    Flag(
        "decode-tile",
        int,
        "pixels decoded at once: fewer frames, tiles of larger ones; 0: 8 frames",
    ),
)
SCOPE = (
    Flag("local", int, "frames on either side that a frame sees"),
    Flag("spread", int, "frames spread over the video that all frames see"),
    Flag("switch", float, "diffusion time (0..999) from which global frames count more"),
    Flag("strength", float, "logit bias of the frames that count more"),
    Flag("softness", float, "diffusion steps on both sides of the switch to pass over it"),
    Flag("across", float, "logit bias of global frames of other scenes, 0 or less"),
    Flag("conv-across", bool, "convolutions reach over cuts"),
    Flag("norm-across", bool, "GroupNorm counts all scenes together"),
    Flag("chosen", str, "global frames: by scene, or even over the video"),
    Flag("norm-clip", int, "frames that GroupNorm counts together; 0: the whole video"),
    Flag("trained", int, "frames of a training clip, to scale logits by log n / log that; 0: not"),
    Flag(
        "spectral", float, "low frequencies of global features, high of local, parted here (0..1)"
    ),
    Flag("noise", str, "independent, shared or rescheduled"),
    Flag("share", float, "of the variance of shared noise that all frames have in common"),
    Flag("period", int, "frames after which rescheduled noise comes again"),
    Flag("length", int, "frames of a clip of --scope independent"),
    Flag("window", int, "frames of a window of --scope freenoise"),
    Flag("stride", int, "frames from one window to the next"),
    Flag("ranks", int, "GPUs that --scope reference stands for"),
)


SCOPES = (
    "video_infinity, independent, stretched, freenoise, reference, base, or the first with one "
    "thing changed, such as local_only"
)


def parser(program: str, description: str | None, notes: str = "") -> Parser:
    """An empty parser of a program of this folder."""
    return programs.parser(f"python -m infer {program}", description, notes)


def add_model(to: argparse.ArgumentParser, of_job: bool = False) -> None:
    """Which model, and how it samples. of_job: what is not given is as in a job, if any."""
    group = to.add_argument_group("model")
    job = "the job's, else " if of_job else ""
    group.add_argument(
        "--config",
        default=None if of_job else CONFIG,
        help=f"config file, or the name of a shipped one (default: {job}{CONFIG})",
    )
    group.add_argument(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help=f"folder of the weights (default: {job}those shipped for the config)",
    )
    group.add_argument(
        "--dtype",
        choices=DTYPES,
        help=f"of the arithmetic (default: {job}the config's, or float32)",
    )
    group.add_argument(
        "--tokenizer",
        type=Path,
        metavar="PATH",
        help=f"CLIP's vocabulary, for weights that came without: {VOCABULARY}",
    )
    group.add_argument(
        "--compile-cache", type=Path, metavar="FOLDER", help="keep compiled programs there"
    )
    add_flags(to.add_argument_group("sampling (default: the model's own settings)"), SAMPLING)
    group = to.add_argument_group("what frames share (default: the model's own settings)")
    group.add_argument("--scope", metavar="PRESET", help=SCOPES)
    add_flags(group, SCOPE, "scope.")


def add_flags(to: Any, flags: Sequence[Flag], prefix: str = "") -> None:
    """`--name` for every flag of a table; `given` says which were there."""
    for flag in flags:
        how: dict[str, Any] = {"type": flag.type, "metavar": METAVARS.get(flag.type)}
        if flag.type is bool:
            how = {"action": argparse.BooleanOptionalAction}
        to.add_argument(f"--{prefix}{flag.name}", default=argparse.SUPPRESS, help=flag.help, **how)


def given(options: argparse.Namespace, flags: Sequence[Flag], prefix: str = "") -> dict[str, Any]:
    """The flags of a table that were given, by name, with underscores."""
    values = vars(options)
    names = (flag.name.replace("-", "_") for flag in flags)
    return {name: values[prefix + name] for name in names if prefix + name in values}


def scope_settings(options: argparse.Namespace, own: dict[str, Any]) -> dict[str, Any] | None:
    """The scope as plain settings ({"preset": name, field: value}); None if no flag is about it.

    Fields change those of the model's `own` scope, or those of the preset that is named, whose
    other fields are then the preset's, as they are for a preset named in Python.
    """
    fields = given(options, SCOPE, "scope.")
    if options.scope is None and not fields:
        return None
    known = own if options.scope is None else {"preset": options.scope}
    return known | fields


def config_of(options: argparse.Namespace, rest: Sequence[str]) -> ConfigDict:
    """The config, with the fields that `rest` sets.

    Raises:
        ValueError: no such config, a field that it lacks, or one whose value the training settled:
            the weights would not follow it, and a program that ignored it would be one that lies.
            What can be chosen has a flag of its own.
        SystemExit: status 2 after a message, for a value of the wrong type.
    """
    plain = load_config(options.config)
    fields = flat(plain)
    flags = [flag.name for flag in SAMPLING] + [f"scope.{flag.name}" for flag in SCOPE]
    refuse(_unknown(rest, [*fields, *vars(options), *flags]))
    config = override(plain, rest, prog="python -m infer")
    refuse([_settled(n, v, fields[n]) for n, v in flat(config).items() if v != fields[n]])
    return config


def _settled(name: str, value: Any, own: Any) -> str:
    """Why a field of the config is not to be set on the command line."""
    section, _, flag = name.partition(".")
    if section == "settings":
        return f"{name}: {value!r}; give --{flag} {value!r} if there is that flag, or edit a config"
    return (
        f"{name}: {value!r}, but the weights were trained with {own!r}; train others with it "
        "(python -m train), or leave it"
    )


def flat(config: ConfigDict, prefix: str = "") -> dict[str, Any]:
    """The fields of a config by dotted name."""
    fields = {}
    for name, value in config.items():
        inner = isinstance(value, ConfigDict)
        fields |= flat(value, f"{prefix}{name}.") if inner else {prefix + name: value}
    return fields


def refuse(troubles: Sequence[str]) -> None:
    """Raises one ValueError that says all the troubles, if there are any."""
    if troubles:
        raise ValueError("; ".join(troubles))


def _unknown(rest: Sequence[str], known: Sequence[str]) -> list[str]:
    """Flags that nobody knows, with the nearest that somebody does."""
    names = [word[2:].partition("=")[0] for word in rest if word.startswith("--")]
    stray = [] if not rest or (names and rest[0].startswith("--")) else [rest[0]]
    known = [name.replace("_", "-") if "." not in name else name for name in known]
    near = {name: difflib.get_close_matches(name, known, n=1) for name in names}
    troubles = [f"{word!r} belongs to no flag" for word in stray]
    return troubles + [
        f"--{name} is neither a flag nor a field of the config"
        + (f"; did you mean --{near[name][0]}?" if near[name] else "; --help lists them")
        for name in names
        if name not in known and name.replace("_", "-") not in known
    ]
