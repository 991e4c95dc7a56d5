"""Video-Infinity (arXiv 2406.16260): long videos from a short-clip model, cut in time over devices.

`VideoInfinity` is a model with its text encoder and autoencoder: `load`, `generate`, `stream`,
`save`. `predict` is one denoiser call, for samplers of your own. `base`, `video_infinity` and
`reference` are the scopes that have a name.
"""

from vinf_jax.systems.video_infinity.model import Progress, VideoInfinity
from vinf_jax.systems.video_infinity.prediction import predict
from vinf_jax.systems.video_infinity.presets import (
    PRESETS,
    base,
    reference,
    scope_of,
    settings_of,
    video_infinity,
)
from vinf_jax.systems.video_infinity.settings import SAMPLERS, SCHEDULES, Settings

__all__ = [
    "PRESETS",
    "SAMPLERS",
    "SCHEDULES",
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
