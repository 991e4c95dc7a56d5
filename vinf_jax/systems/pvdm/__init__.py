"""PVDM (Yu et al., CVPR 2023, arXiv 2302.07685): clips as three planes of latents, long videos by
making each clip from the one before it."""

from vinf_jax.systems.pvdm.model import PVDM
from vinf_jax.systems.pvdm.recursion import Progress
from vinf_jax.systems.pvdm.settings import PRESETS, Settings

__all__ = ["PRESETS", "PVDM", "Progress", "Settings"]
