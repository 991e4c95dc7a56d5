"""Says what a video would cost before anything is loaded: FLOPs, memory, exchange, seconds.

The real step is compiled ahead of time; neither weights nor accelerators are needed. With
--memory it also says whether the video fits such devices, and what would.
"""

import argparse
import dataclasses
import math
from pathlib import Path
from typing import Any

from .devices import simulate
from .options import SAMPLING, add_model, config_of, flat, given, parser, refuse
from .outputs import target_troubles, write_json

PROGRAM = "plan"
UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
NOTES = """\
FLOPs are counted in the traced program, two per multiply-add, loops as often as they run; bytes are
what a device receives. Memory is an estimate unless the devices at hand are those of the video: the
float32 program as compiled for a CPU, with activations in proportion to --dtype. Times assume the
share of the peak that such networks reach, and that nothing hides the exchange. Exit status: 0, 1
if the video does not fit, 2 for a mistake in what was asked.
"""


def main(argv: list[str]) -> int:
    options, rest = _parser().parse_known_args(argv)
    config = config_of(options, rest)
    refuse(_troubles(options))
    simulate(options.devices)
    plan = _plan(options, flat(config))
    for line in plan["lines"]:
        print(line)
    if options.json:
        write_json(options.json, {**plan, "lines": None}, options.force)
    return int(not plan["fits"])


def _plan(options: argparse.Namespace, config: dict[str, Any]) -> dict[str, Any]:
    import jax

    from vinf_jax.parallel.mesh import make_mesh
    from vinf_jax.systems.video_infinity import budget, fitting
    from vinf_jax.systems.video_infinity.presets import settings_of

    from . import costs
    from .blueprint import blueprint

    platform = "cpu" if options.hardware == "cpu" else "gpu"
    model = blueprint(options, platform)
    asked = _asked(options, model)
    call = fitting.largest(asked.waves)
    here = jax.default_backend() != "cpu" and len(jax.devices()) >= options.devices
    devices = jax.devices() if here else jax.devices("cpu")
    groups = options.guidance_groups
    refuse(_device_troubles(options, asked, len(devices)))
    found = budget.Budget(
        networks=model.networks,
        schedule=model.schedule,
        settings=dataclasses.replace(model.settings, scope=settings_of(asked.scope)),
        mesh=make_mesh(options.devices // groups, groups, devices),
        frames=len(call.numbers),
        dtype=model.dtype,
        prompts=options.prompt_count,
        held=not call.plain,
        here=here,
    )
    return costs.table(found, asked.frames, asked.waves, options.hardware, options.memory)


def _asked(options: argparse.Namespace, model: Any) -> Any:
    """What the model would be asked for on one device of each group, but for the texts.

    Raises:
        ValueError: what it would refuse.
    """
    from vinf_jax.systems.video_infinity.networks import side
    from vinf_jax.systems.video_infinity.prompts import timeline_troubles
    from vinf_jax.systems.video_infinity.request import Limits, Request, request

    count, groups = options.prompt_count, options.guidance_groups
    frames = model.settings.clip_frames if options.frames is None else options.frames
    refuse(timeline_troubles(count, frames, None, None))
    unet, autoencoder = model.networks["unet"], model.networks["autoencoder"]
    limits = Limits(model.settings, model.schedule, None, side(unet, autoencoder), groups)
    wishes: dict[str, Any] = dict.fromkeys(
        [field.name for field in dataclasses.fields(Request)] + ["cuts"]
    )
    wishes |= given(options, SAMPLING) | {"prompts": [""] * count, "negative_prompt": ""}
    wishes |= {"frames": frames, "clips": 1, "guidance_groups": groups, "seed": 0, "given": ()}
    return request(limits, **wishes)


def _device_troubles(options: argparse.Namespace, asked: Any, there: int) -> list[str]:
    """there: how many devices there are, or are simulated."""
    count, groups = options.devices, options.guidance_groups
    least = min(len(wave.numbers) for wave in asked.waves)
    if count > least * groups:
        said = f"but the shortest call makes {least} frames, at least one on a device"
        return [f"devices: {count}, {said}; give at most {least * groups}"]
    if count > there:
        said = f"give at most {there}, or start with JAX_NUM_CPU_DEVICES={count}"
        return [f"devices: {count}, but {there} are simulated; {said}"]
    return []


def _troubles(options: argparse.Namespace) -> list[str]:
    low = {"frames": 1, "devices": 1, "prompt_count": 1}
    troubles = [
        f"{name}: {value}; give {least} or more"
        for name, least in low.items()
        if (value := getattr(options, name)) is not None and value < least
    ]
    if options.guidance_groups not in (1, 2):
        troubles.append(f"guidance-groups: {options.guidance_groups}; give 1 or 2")
    elif options.devices % options.guidance_groups:
        troubles.append(f"devices: {options.devices} are no 2 groups; give an even number")
    if options.json:
        troubles += target_troubles([options.json], options.force, "json")
    return troubles


def size(text: str) -> float:
    """Bytes of "48GB", "80 GiB", or a plain number.

    Raises:
        ArgumentTypeError: no number above 0, or an unknown unit.
    """
    words = text.strip()
    unit = next((unit for unit in sorted(UNITS, key=len, reverse=True) if words.endswith(unit)), "")
    try:
        found = float(words.removesuffix(unit)) * UNITS.get(unit, 1)
    except ValueError:
        found = 0.0
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}; give a size such as 48GB or 80GiB")
    return found


def _parser() -> argparse.ArgumentParser:
    from vinf_jax.parallel.hardware import HARDWARE

    to = parser(PROGRAM, __doc__, NOTES)
    group = to.add_argument_group("video")
    group.add_argument("--frames", type=int, metavar="N", help="length (default: one clip)")
    group.add_argument(
        "--prompt-count", type=int, default=1, metavar="N", help="of the prompts (default: 1)"
    )
    group = to.add_argument_group("devices")
    group.add_argument("--devices", type=int, default=1, metavar="N", help="default: 1")
    group.add_argument(
        "--guidance-groups",
        type=int,
        default=1,
        metavar="N",
        help="2: the halves of guidance on two groups of devices (default: 1)",
    )
    group.add_argument(
        "--hardware", choices=HARDWARE, help="whose time and memory (default: times of all)"
    )
    group.add_argument("--memory", type=size, metavar="SIZE", help="of one device, such as 48GB")
    to.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers there")
    to.add_argument("--force", action="store_true", help="replace the FILE that is there")
    add_model(to)
    return to
