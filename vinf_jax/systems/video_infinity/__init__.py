"""Video-Infinity (arXiv 2406.16260): long videos from a short-clip model, cut in time over devices.

`VideoInfinity` is a model with its text encoder and autoencoder: `load`, `generate`,
`generate_many`, `stream`, `save`; `begin` makes a video wave by wave, `encode` the frames that are
given to one. `predict` is one denoiser call, for samplers of your own. `PRESETS` and `ABLATIONS`
are the scopes that have a name, `scope_of` makes them.
"""

from vinf_jax.systems.video_infinity.making import Making
from vinf_jax.systems.video_infinity.model import Progress, VideoInfinity
from vinf_jax.systems.video_infinity.prediction import predict
from vinf_jax.systems.video_infinity.presets import (
    ABLATIONS,
    PRESETS,
    base,
    reference,
    scope_of,
    settings_of,
    video_infinity,
)
from vinf_jax.systems.video_infinity.settings import SAMPLERS, SCHEDULES, Settings

__all__ = [
    "ABLATIONS",
    "PRESETS",
    "SAMPLERS",
    "SCHEDULES",
    "Making",
    "Progress",
    "Settings",
    "VideoInfinity",
    "base",
    "predict",
    "reference",
    "scope_of",
    "settings_of",
    "video_infinity",
]
