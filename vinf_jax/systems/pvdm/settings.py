"""What a PVDM model remembers beside its weights: how it was trained and how to sample it."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from vinf_jax.diffusion.clamped import Clamped
from vinf_jax.diffusion.denoiser import prediction_troubles
from vinf_jax.diffusion.schedule import Schedule

PRESETS = {"100/20": (100, 20), "200/200": (200, 200), "400/400": (400, 400)}
"""The paper's N/M: steps of the first clip and of each later one."""


@dataclass(frozen=True)
class Settings:
    """fps: frames per second that it was trained at. steps, later_steps: of the first clip and of
    each later one. candidates: first clips made for each video, of which the one that the
    autoencoder gives back best begins it; the public code makes one. guidance: scale of
    classifier-free guidance towards the clip before; 1 is none, the public code's w is this minus
    1. eta: noise of the steps, 0 to 1. prediction: what the UNet was trained to say, of
    `diffusion.denoiser.KINDS`; the public code's says epsilon.
    """

    fps: float

    steps: int = 100
    later_steps: int = 20
    candidates: int = 1
    guidance: float = 1.0
    eta: float = 1.0
    prediction: str = "epsilon"

    def __post_init__(self) -> None:
        troubles = [] if self.fps > 0 else [f"fps: {self.fps}, but it must be above 0"]
        troubles += prediction_troubles(self.prediction)
        if self.candidates < 1:
            troubles.append(f"candidates: {self.candidates}; give 1 or more")
        if not abs(self.guidance) < math.inf:
            troubles.append(f"guidance: {self.guidance}; give a finite number, 1 for none")
        for name in ("steps", "later_steps"):
            try:
                self.sampler(getattr(self, name))
            except ValueError as error:
                troubles.append(f"{name}: {error}")
        if troubles:
            raise ValueError("settings: " + "; ".join(troubles))

    def sampler(self, steps: int) -> Clamped:
        """PVDM's, of so many steps."""
        return Clamped(Schedule.pvdm(), steps, self.eta)

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON holds them."""
        return dataclasses.asdict(self)
