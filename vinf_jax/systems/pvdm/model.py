"""The PVDM system: a folder of weights in, videos of any length out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vinf_jax.models.pvdm_autoencoder import PVDMAutoencoder
from vinf_jax.models.pvdm_unet import PVDMUNet
from vinf_jax.nn.networks import parameters
from vinf_jax.parallel.mesh import batch_mesh
from vinf_jax.systems.pvdm import folder as on_disk
from vinf_jax.systems.pvdm.recursion import Progress, Recursion
from vinf_jax.systems.pvdm.settings import Settings


class PVDM:
    """A model of videos without text. Video v of a seed is the same in any batch, on any devices,
    up to rounding.

    arguments: of each network's constructor, for `save`: {"autoencoder": ..., "unet": ...}.
    provenance: anything that JSON holds about where the weights come from.
    """

    def __init__(
        self,
        autoencoder: PVDMAutoencoder,
        unet: PVDMUNet,
        settings: Settings,
        arguments: Mapping[str, Mapping[str, Any]],
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.autoencoder, self.unet, self.settings = autoencoder, unet, settings
        self.arguments, self.provenance = arguments, provenance or {}
        self._recursion = Recursion(unet, autoencoder, settings.prediction)

    @classmethod
    def load(
        cls, folder: str | Path, *, dtype: Any = None, settings: Mapping[str, Any] | None = None
    ) -> "PVDM":
        """The model that `save`, training or an import wrote to `folder`.

        dtype: of the parameters in memory, and so of the arithmetic; float32 if not given.
        settings: fields that replace the folder's.

        Raises:
            ValueError: no folder, a damaged one, one of something else, or one that lacks a network
                or whose settings do not fit; the message names it.
        """
        return cls(**on_disk.read(folder, dtype, settings))

    def save(
        self,
        folder: str | Path,
        *,
        dtype: Any = None,
        provenance: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Writes the model to a folder, whole or not at all. Raises as `folder.write_arrays`."""
        on_disk.write_arrays(
            folder,
            parameters({"autoencoder": self.autoencoder, "unet": self.unet}),
            arguments=self.arguments,
            settings=self.settings,
            dtype=dtype,
            provenance=self.provenance if provenance is None else provenance,
            overwrite=overwrite,
        )

    def replace(self, unet: PVDMUNet) -> None:
        """Goes on with other weights of the same UNet; what was compiled stays."""
        self.unet = unet
        self._recursion.renew(unet)

    def generate(self, *, frames: int, **wishes: Any) -> np.ndarray:
        """The whole videos, uint8 (videos, frames, height, width, 3). Arguments as in `stream`."""
        parts = [pixels for _, pixels in self.stream(frames=frames, **wishes)]
        return np.concatenate(parts, axis=1)

    def stream(
        self,
        *,
        frames: int,
        videos: int = 1,
        seed: int = 0,
        steps: int | None = None,
        later_steps: int | None = None,
        candidates: int | None = None,
        guidance: float | None = None,
        eta: float | None = None,
        devices: int = 1,
        on_step: Callable[[Progress], object] | None = None,
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Pairs (number of the first frame, pixels uint8 (videos, F, height, width, 3)), clip by
        clip; the last one is cut where the video ends.

        Args:
            frames: of each video.
            videos: made at the same time.
            seed: of their noise.
            steps, later_steps: of the first clip, and of each later one.
            candidates: first clips made for each video, of which one begins it.
            guidance: scale towards the clip before; 1 is none, and one pass of the network.
            eta: noise of the steps.
            devices: over which the videos lie.
            on_step: told about every step.

        Raises:
            ValueError: one message with everything that does not fit.
        """
        wishes: dict[str, Any] = {"steps": steps, "later_steps": later_steps}
        wishes |= {"candidates": candidates, "guidance": guidance, "eta": eta}
        given = {name: value for name, value in wishes.items() if value is not None}
        counts = {"frames": frames, "videos": videos}
        troubles = [f"{name}: {n}; give 1 or more" for name, n in counts.items() if n < 1]
        if not 0 <= seed < 2**32:
            troubles.append(f"seed: {seed}; give a whole number from 0 to {2**32 - 1}")
        try:
            chosen = replace(self.settings, **given)
        except ValueError as error:
            troubles.append(str(error))
        try:
            mesh = batch_mesh(devices)
        except ValueError as error:
            troubles.append(str(error))
        if troubles:
            raise ValueError("; ".join(troubles))
        length = self.clip_frames
        later = [chosen.sampler(chosen.later_steps)] * (-(-frames // length) - 1)
        made = self._recursion.clips(
            [chosen.sampler(chosen.steps), *later],
            self.latent_shape,
            candidates=chosen.candidates,
            guidance=chosen.guidance,
            seed=seed,
            videos=-(-videos // devices) * devices,
            mesh=mesh,
            on_step=on_step,
        )
        return (
            (number * length, clip[:videos, : frames - number * length])
            for number, clip in enumerate(made)
        )

    @property
    def clip_frames(self) -> int:
        """Frames of a clip."""
        return self.autoencoder.planes.frames

    @property
    def latent_shape(self) -> tuple[int, int]:
        """Of a clip: tokens, channels."""
        channels = self.autoencoder.xy.to_latent.kernel.shape[-1]
        return self.autoencoder.planes.tokens, channels
