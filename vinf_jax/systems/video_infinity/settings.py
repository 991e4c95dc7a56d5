"""What a model folder remembers beside its weights: how it was trained and how to sample it."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vinf_jax.diffusion.denoiser import prediction_troubles
from vinf_jax.diffusion.known import OWN_LEVEL
from vinf_jax.diffusion.samplers import DDIM, DPMSolver, Sampler
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.parallel.timeline import EXCHANGES
from vinf_jax.systems.video_infinity.cuts import word_troubles
from vinf_jax.systems.video_infinity.kinds import ALL, share_troubles
from vinf_jax.systems.video_infinity.presets import scope_of
from vinf_jax.systems.video_infinity.waves import length_troubles, whole

SAMPLERS = {
    "dpmsolver++": lambda schedule, steps, karras: DPMSolver(
        schedule, steps, stochastic=False, karras=karras
    ),
    "sde-dpmsolver++": lambda schedule, steps, karras: DPMSolver(schedule, steps, karras=karras),
    "ddim": lambda schedule, steps, karras: DDIM(schedule, steps, eta=0.0),
    "ancestral-ddim": lambda schedule, steps, karras: DDIM(schedule, steps, eta=1.0),
}
SCHEDULES = {"scaled_linear": Schedule.scaled_linear, "videocrafter2": Schedule.videocrafter2}
"""Noise schedules that configs can name."""


@dataclass(frozen=True)
class Settings:
    """Facts of a model (upper half) and its defaults for `generate` (lower half).

    latent_scale: latents of the UNet over those of the autoencoder. prediction: what the UNet
    answers, "epsilon", "v" or "x0". height, width: pixels. fps: frames per second that it was
    trained at. clip_frames: frames of a training clip. guidance_steps, reuse: as in `kinds.kinds`.
    exchange: between devices, as in `parallel.timeline.Sharded`. scope: settings for `scope_of`.
    crossfade: frames, cut down where prompts are shorter. cuts: where scenes change, "prompts"
    (wherever two prompts meet without a cross-fade), "none", or first frames of scenes, for scopes
    that know scenes; see `nn.dual.DualScope`. wave: frames that one call makes at most, 0 for no
    limit; overlap: frames made before that it holds beside them (`waves.plan_waves`). known_time:
    diffusion time than which frames that are there already are shown no noisier, for a model that
    was trained to see some frames earlier than others, which guidance then leads towards them (see
    `diffusion.known`); 1000 is as noisy as the rest. portion: pixels of a video's latents that
    layers compute at once where they can, 0 for all; less memory for long videos, and the same
    video. decode_tile: pixels that a device decodes at once, 0 for `decoding.CHUNK` whole frames;
    of larger frames fewer, and of one that is larger a tile.
    """

    latent_scale: float
    prediction: str
    height: int
    width: int
    fps: float
    clip_frames: int

    steps: int = 30
    guidance: float = 7.5
    guidance_steps: Sequence[float] = ALL
    reuse: int = 1
    exchange: str = "exact"
    sampler: str = "dpmsolver++"
    karras: bool = False
    scope: Mapping[str, Any] = field(default_factory=lambda: {"preset": "video_infinity"})
    crossfade: int = 0
    cuts: str | Sequence[int] = "none"
    wave: int = 0
    overlap: int = 16
    known_time: int = OWN_LEVEL
    portion: int = 2**16  # 25 frames of 40x64, more than a published clip: short ones are not cut
    decode_tile: int = 2**21  # 8 frames of 320x512, one of 1080x1920, a quarter of one of 4K

    def __post_init__(self) -> None:
        numbers = ("latent_scale", "height", "width", "fps", "clip_frames")
        troubles = [
            f"{name}: {getattr(self, name)}, but it must be above 0"
            for name in numbers
            if not getattr(self, name) > 0
        ]
        troubles += length_troubles(self.wave, None) + length_troubles(0, self.overlap)
        troubles += word_troubles(self.cuts) + share_troubles(self.guidance_steps)
        troubles += known_time_troubles(self.known_time)
        if not isinstance(self.reuse, int) or self.reuse < 1:
            troubles.append(f"reuse: {self.reuse!r}; give a whole number of steps, 1 for none")
        troubles += exchange_troubles(self.exchange)
        for name in ("portion", "decode_tile"):
            pixels = getattr(self, name)
            if not isinstance(pixels, int) or pixels < 0:
                troubles.append(f"{name}: {pixels!r}; give a whole number of pixels, 0 for all")
        troubles += prediction_troubles(self.prediction)
        if self.sampler not in SAMPLERS:
            troubles.append(f"sampler: {self.sampler!r}; give one of {', '.join(SAMPLERS)}")
        if troubles:
            raise ValueError("settings: " + "; ".join(troubles))
        scope_of(self.scope)
        object.__setattr__(self, "guidance_steps", tuple(self.guidance_steps))  # JSON has lists

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON holds them."""
        return dataclasses.asdict(self) | {"scope": dict(self.scope)}


def known_time_troubles(time: Any) -> list[str]:
    """Why known frames cannot be shown no noisier than at this time, or nothing."""
    if whole(time) and 0 <= time <= OWN_LEVEL:
        return []
    advice = f"give a diffusion time, 0 (clean) to 999, or {OWN_LEVEL} for each step's own"
    return [f"known_time: {time!r}; {advice}"]


def exchange_troubles(name: Any) -> list[str]:
    """Why nothing goes to other devices so, or nothing."""
    if name in EXCHANGES:
        return []
    return [f"exchange: {name!r}; give one of {', '.join(EXCHANGES)}"]


def make_sampler(name: str, schedule: Schedule, steps: int, karras: bool) -> Sampler:
    """The sampler of this name, of as many steps; `sampler_troubles` says what it refuses."""
    return SAMPLERS[name](schedule, steps, karras)


def sampler_troubles(name: str, schedule: Schedule, steps: int, karras: bool) -> list[str]:
    """Why there is no sampler of this name and number of steps, or nothing."""
    if name not in SAMPLERS:
        return [f"sampler: {name!r} is not one of {', '.join(SAMPLERS)}"]
    troubles = []
    if karras and name.endswith("ddim"):
        troubles.append(f"karras: {name} spaces its steps itself; give False, or another sampler")
    try:
        make_sampler(name, schedule, steps, karras)
    except ValueError as error:
        troubles.append(str(error))
    return troubles
