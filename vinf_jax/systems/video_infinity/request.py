"""What a person asks of `generate`, checked as a whole before anything is computed."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from vinf_jax.diffusion.samplers import Sampler
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.nn.dual import DualScope
from vinf_jax.nn.freenoise import FreeNoise
from vinf_jax.nn.reference import Reference
from vinf_jax.nn.scope import Scope
from vinf_jax.systems.video_infinity.cuts import AT_PROMPTS, cut_troubles, cuts_of
from vinf_jax.systems.video_infinity.kinds import Kind, kind_troubles, kinds, share_troubles
from vinf_jax.systems.video_infinity.presets import scope_of, settings_of
from vinf_jax.systems.video_infinity.prompts import (
    Range,
    even_ranges,
    longest_crossfade,
    timeline_troubles,
)
from vinf_jax.systems.video_infinity.settings import (
    Settings,
    exchange_troubles,
    known_time_troubles,
    make_sampler,
    sampler_troubles,
)
from vinf_jax.systems.video_infinity.tokens import Tokenizer
from vinf_jax.systems.video_infinity.waves import (
    Wave,
    given_troubles,
    length_troubles,
    plan_waves,
    whole,
)

MOST = 2**31 - 1
FRAMES = 2**20
"""The longest video, 12 hours at 24 frames per second: all its numbers are held."""
PIXELS = ("portion", "decode_tile")
SAMPLING = ("steps", "guidance", "height", "width", "fps", "sampler", "scope", "karras")
SAMPLING += ("guidance_steps", "reuse", "exchange")


BY_PLACE = (Reference, FreeNoise)
"""Scopes that count frames by place, and know no parts of a video."""


@dataclass(frozen=True)
class Request:
    """Everything that decides which video is made, and on how many devices; None where the model's
    settings decide. The fields are those of `VideoInfinity.generate`."""

    prompts: Sequence[str]
    frames: int
    clips: int
    seed: int
    steps: int
    guidance: float
    guidance_steps: Sequence[float]
    reuse: int
    exchange: str
    negative_prompt: str
    height: int
    width: int
    fps: float
    scope: Scope
    sampler: str
    ranges: Sequence[Range]
    crossfade: int
    guidance_groups: int
    karras: bool
    wave: int
    overlap: int
    known_time: int
    portion: int
    decode_tile: int
    given: Collection[int]

    @property
    def halves(self) -> int:
        """How many halves of classifier-free guidance are computed, in steps with guidance."""
        return 1 if self.guidance == 1 else 2

    @property
    def texts(self) -> list[str]:
        """The prompts, and last the negative one where guidance needs it."""
        return [*self.prompts, *[self.negative_prompt] * (self.halves - 1)]

    @cached_property
    def waves(self) -> tuple[Wave, ...]:
        """The calls that make the video."""
        how = {"wave": self.wave, "overlap": self.overlap, "given": self.given}
        return planned(self.scope, self.frames, **how)

    @property
    def cuts(self) -> tuple[int, ...]:
        """First frames of new scenes."""
        return self.scope.cuts if isinstance(self.scope, DualScope) else ()

    def kinds(self, steps: int) -> tuple[Kind, ...]:
        """The kind of each of so many steps."""
        return kinds(steps, self.halves, self.guidance_steps, self.reuse)

    def make_sampler(self, schedule: Schedule) -> Sampler:
        return make_sampler(self.sampler, schedule, self.steps, self.karras)


def planned(scope: Scope, frames: int, **how: Any) -> tuple[Wave, ...]:
    """The calls that make a video in such a scope. how: wave, overlap and given of `plan_waves`."""
    if isinstance(scope, DualScope):
        how |= {"spread": scope.spread, "cuts": scope.parting}
    return plan_waves(frames, **how)


@dataclass(frozen=True)
class Limits:
    """What a model and a machine can do. tokenizer: None where no text is meant. side: pixels that
    both sides of a frame must be multiples of. devices: how many there are."""

    settings: Settings
    schedule: Schedule
    tokenizer: Tokenizer | None
    side: int
    devices: int


def request(limits: Limits, **given: Any) -> Request:
    """The request that the arguments of `VideoInfinity.stream` make of a model.

    Raises:
        ValueError: one message with everything that does not fit.
    """
    settings = limits.settings
    chosen = {
        name: getattr(settings, name) if given[name] is None else given[name]
        for name in (*SAMPLING, "wave", "known_time", *PIXELS)
    }
    wish: dict[str, Any] = given | chosen
    troubles = _number_troubles(wish, limits.side) + _device_troubles(wish, limits.devices)
    troubles += _prompt_troubles(wish) or _word_troubles(wish, limits.tokenizer)
    troubles += _step_troubles(wish, limits.schedule)
    scope, more = _scope(wish, settings.clip_frames)
    troubles += more + _wave_troubles(wish, scope) + _cut_troubles(wish, scope)
    if scope is None or troubles:
        raise ValueError("; ".join(troubles))
    ranges = wish["ranges"] or even_ranges(len(wish["prompts"]), wish["frames"])
    crossfade = wish["crossfade"]
    if crossfade is None and wish["cuts"] == AT_PROMPTS:
        crossfade = 0
    elif crossfade is None:
        crossfade = min(settings.crossfade, longest_crossfade(ranges))
    overlap = wish["overlap"]
    if overlap is None:
        overlap = min(settings.overlap, wish["wave"] - 1) if wish["wave"] else settings.overlap
    cuts = wish.pop("cuts")
    if isinstance(scope, DualScope):
        scope = replace(scope, cuts=cuts_of(cuts, scope, settings.cuts, ranges, crossfade))
    wish |= {"scope": scope, "ranges": ranges, "crossfade": crossfade}
    wish["given"] = tuple(sorted(wish["given"]))
    wish["guidance_steps"] = tuple(map(float, wish["guidance_steps"]))
    wish["overlap"] = overlap
    asked = Request(**wish)
    _refuse_small_waves(asked)
    return asked


def _number_troubles(wish: Mapping[str, Any], side: int) -> list[str]:
    lowest = {"frames": 1, "clips": 1, "seed": 0, "reuse": 1} | dict.fromkeys(PIXELS, 0)
    troubles = [
        f"{name}: {wish[name]!r}; give a whole number from {least} to {most}"
        for name, least in lowest.items()
        for most in [FRAMES if name == "frames" else MOST]
        if not whole(wish[name]) or not least <= wish[name] <= most
    ]
    troubles += [
        f"{name}: {wish[name]!r}; give a multiple of {side}, such as {_near(wish[name], side)}"
        for name in ("height", "width")
        if not whole(wish[name]) or wish[name] < side or wish[name] % side
    ]
    if not math.isfinite(wish["guidance"]):
        troubles.append(f"guidance: {wish['guidance']}; give a finite number, 1 for none")
    if not 0 < wish["fps"] < math.inf:
        troubles.append(f"fps: {wish['fps']}; give a number above 0")
    return troubles


def _step_troubles(wish: Mapping[str, Any], schedule: Schedule) -> list[str]:
    sampler = wish["sampler"], schedule, wish["steps"], wish["karras"]
    troubles = sampler_troubles(*sampler) + share_troubles(wish["guidance_steps"])
    troubles += known_time_troubles(wish["known_time"]) + exchange_troubles(wish["exchange"])
    if troubles:
        return troubles
    how = (wish[name] for name in ("guidance", "guidance_steps", "guidance_groups"))
    return kind_troubles(len(make_sampler(*sampler).times), *how)


def _near(value: Any, side: int) -> int:
    return max(side, round(value / side) * side) if whole(value) else side


def _device_troubles(wish: Mapping[str, Any], devices: int) -> list[str]:
    groups, clips, frames = wish["guidance_groups"], wish["clips"], wish["frames"]
    troubles = []
    if groups not in (1, 2):
        troubles.append(f"guidance_groups: {groups}, but guidance has 2 halves; use 1 or 2")
    elif groups == 2 and wish["guidance"] == 1:
        troubles.append("guidance_groups: 2, but guidance 1 has only one half; use 1")
    if not whole(clips) or not whole(frames) or groups not in (1, 2):
        return troubles
    if clips > frames >= 1:
        troubles.append(f"clips: {clips} clips for {frames} frames; use at most {frames} clips")
    if clips * groups > devices:
        troubles.append(
            f"clips: {clips} clips x {groups} guidance groups need {clips * groups} devices, but "
            f"there are {devices}; use at most {devices // groups} clips, or start with more "
            f"devices (on CPU: JAX_NUM_CPU_DEVICES={clips * groups} before jax starts)"
        )
    return troubles


def _prompt_troubles(wish: Mapping[str, Any]) -> list[str]:
    prompts, frames = wish["prompts"], wish["frames"]
    if isinstance(prompts, str) or not prompts:
        return [f"prompts: {prompts!r}; give a list of at least one prompt"]
    if not whole(frames) or frames < 1:
        return []
    return timeline_troubles(len(prompts), frames, wish["ranges"], wish["crossfade"])


def _word_troubles(wish: Mapping[str, Any], tokenizer: Tokenizer | None) -> list[str]:
    if tokenizer is None:
        return []
    try:
        tokenizer.encode([*wish["prompts"], wish["negative_prompt"]])
    except ValueError as error:
        return [str(error)]
    return []


def _scope(wish: Mapping[str, Any], clip_frames: int) -> tuple[Scope | None, list[str]]:
    """The scope, None where there is none, and why it does not fit the video."""
    try:
        scope = scope_of(wish["scope"], clip_frames)
    except ValueError as error:
        return None, [str(error)]
    frames = wish["frames"]
    fits = whole(frames) and frames >= 1
    return scope, [f"scope {line}" for line in scope.troubles(frames)] if fits else []


def _cut_troubles(wish: Mapping[str, Any], scope: Scope | None) -> list[str]:
    return cut_troubles(wish, scope) if whole(wish["frames"]) else []


def _wave_troubles(wish: Mapping[str, Any], scope: Scope | None) -> list[str]:
    wave, given, frames = wish["wave"], wish["given"], wish["frames"]
    troubles = length_troubles(wave, wish["overlap"])
    if not whole(frames) or frames < 1:
        return troubles
    troubles += given_troubles(frames, given)
    by_place = isinstance(scope, BY_PLACE)
    if not troubles and by_place and (given or 0 < wave < frames):
        name = settings_of(scope)["preset"]
        troubles.append(
            f"scope: preset {name} counts frames by place and knows no parts of a video; for "
            "waves or given frames use video_infinity, independent or base"
        )
    return troubles


def _refuse_small_waves(asked: Request) -> None:
    """ValueError where a call holds fewer frames than there are clips."""
    smallest = min(len(wave.numbers) for wave in asked.waves)
    if smallest < asked.clips:
        raise ValueError(
            f"clips: {asked.clips} clips, but the smallest wave holds {smallest} frames; use at "
            f"most {smallest} clips"
        )
