"""Whether a video fits the memory of its devices, and what would."""

import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from vinf_jax.nn.attention import held as held_scores
from vinf_jax.nn.parameters import dtype_of, split
from vinf_jax.parallel.hardware import USABLE
from vinf_jax.parallel.mesh import GUIDANCE, make_mesh
from vinf_jax.systems.video_infinity.budget import Budget
from vinf_jax.systems.video_infinity.decoding import frames_at_once
from vinf_jax.systems.video_infinity.kinds import ALL
from vinf_jax.systems.video_infinity.model import VideoInfinity
from vinf_jax.systems.video_infinity.networks import NETWORKS
from vinf_jax.systems.video_infinity.presets import scope_of, settings_of
from vinf_jax.systems.video_infinity.request import BY_PLACE, PIXELS, SAMPLING, Request
from vinf_jax.systems.video_infinity.waves import Wave

GENEROUS = 80
"""Arrays as wide as the UNet's first level that a step surely does not exceed; it needs about a
quarter of them."""
DECODING = 20
"""The same of the decoder's last level."""
BIGGER = "take devices with more memory, or --dtype bfloat16"
NARROW = 16
"""Features that an attention head surely has."""


def largest(waves: Sequence[Wave]) -> Wave:
    """The call that needs most memory."""
    return max(waves, key=lambda wave: (len(wave.numbers), not wave.plain))


def memory_of(devices: Sequence[jax.Device]) -> float:
    """Bytes of one of these devices; of a processor its even share of the machine's memory."""
    limit = (devices[0].memory_stats() or {}).get("bytes_limit")
    if limit:
        return limit
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / len(devices)


def surely_fits(budget: Budget, memory: float) -> bool:
    """A generous bound on what is needed says yes, before anything is traced."""
    unet: Any = budget.networks["unet"]
    autoencoder: Any = budget.networks["autoencoder"]
    width = unet.conv_in.kernel.shape[-1]
    frame = budget.settings.height * budget.settings.width
    side = frame // budget.enlargement**2
    pixels = budget.length * side * budget.halves
    at_once = min(pixels, budget.settings.portion or pixels)
    held = GENEROUS * width * (pixels * jnp.dtype(budget.dtype).itemsize + 4 * at_once)
    rows = max(1, width // NARROW) * max(1, at_once // side)
    scores = 12 * min(rows * side**2, held_scores(rows))
    last = autoencoder.decoder.conv_out.kernel.shape[-2] * frame
    decoding = 4 * DECODING * last * frames_at_once(budget.settings.decode_tile, frame)
    return budget.weights + max(held + scores, decoding) < USABLE * memory


def most_frames(budget: Budget, memory: float) -> int:
    """Frames of a call that one device of this memory holds, 0 if not even one.

    Memory grows evenly with frames: with two lengths known, the others follow. A length that fits
    says at least how many do, for the part that does not grow counts less in longer ones.
    """
    room = USABLE * memory - budget.weights
    if budget.decoding_memory > room:
        return 0
    guess = math.floor(budget.length * room / budget.step_memory)
    if guess >= budget.length or guess < 1:
        return max(guess, 0)
    small = dataclasses.replace(budget, frames=guess * (budget.devices // _groups(budget)))
    growth = (budget.step_memory - small.step_memory) / (budget.length - guess)
    fixed = budget.step_memory - growth * budget.length
    return max(0, math.floor((room - fixed) / growth))


def troubles(budget: Budget, memory: float) -> list[str]:
    """Why a video, of which `budget` is the largest call, does not fit, and the settings that
    would; nothing if it does."""
    if budget.weights > USABLE * memory:
        return [
            f"memory: the weights alone are {_gb(budget.weights)}, but {_gb(USABLE * memory)} of "
            f"{_gb(memory)} can be used; {BIGGER}"
        ]
    if budget.memory <= USABLE * memory:
        return []
    said = (
        f"memory: {budget.length} frames on a device need {_gb(budget.memory)}, but "
        f"{_gb(USABLE * memory)} of its {_gb(memory)} can be used"
    )
    most = most_frames(budget, memory)
    if not most:
        decoding = (
            f"weights are {_gb(budget.weights)}, decoding takes {_gb(budget.decoding_memory)}"
        )
        tiles = budget.decoding_memory > budget.step_memory
        smaller = "a smaller --decode-tile, or " if tiles else ""
        return [f"{said}; {decoding}: {BIGGER}, or {smaller}a smaller picture (--height, --width)"]
    return [f"{said}. At most {most} frames fit: {', or '.join(_ways(budget, most))}"]


def cannot_fit(model: VideoInfinity, request: Request, devices: Sequence[jax.Device]) -> list[str]:
    """Why a checked request does not fit these devices, or nothing. Costs nothing where a video is
    surely small enough; otherwise its step is compiled."""
    call = largest(request.waves)
    fields = {name: getattr(request, name) for name in (*SAMPLING, *PIXELS, "wave", "overlap")}
    scope: Any = request.scope
    settings = dataclasses.replace(model.settings, **fields | {"scope": settings_of(scope)})
    budget = Budget(
        networks={name: getattr(model, name) for name in NETWORKS},
        schedule=model.schedule,
        settings=settings,
        mesh=make_mesh(request.clips, request.guidance_groups, devices),
        frames=len(call.numbers),
        dtype=dtype_of(split(model.unet)[1]),
        prompts=len(request.prompts),
        held=not call.plain,
        here=True,
    )
    memory = memory_of(list(budget.mesh.local_mesh.devices.flat))
    return [] if surely_fits(budget, memory) else troubles(budget, memory)


def _ways(budget: Budget, most: int) -> list[str]:
    """Settings under which a device holds at most `most` frames of a call."""
    settings, groups = budget.settings, _groups(budget)
    clips = budget.devices // groups
    needed = math.ceil(budget.frames / most)
    ways = [f"--clips {needed} (devices: {needed * groups})"]
    scope = scope_of(settings.scope)
    wave = most * clips - 2 * settings.overlap - getattr(scope, "spread", 0)
    if wave > settings.overlap and not isinstance(scope, BY_PLACE):
        ways.append(f"--wave {wave}")
    if budget.halves == 2 and groups == 1 and settings.guidance_steps == ALL:
        ways.append(f"--guidance-groups 2 (devices: {2 * clips}; nearly twice the frames)")
    return ways


def _groups(budget: Budget) -> int:
    return budget.mesh.shape[GUIDANCE]


def _gb(size: float) -> str:
    return f"{size / 1e9:.3g} GB"
