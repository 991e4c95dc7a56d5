"""The frames of one wave, from the host to the devices of a mesh and back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from vinf_jax.diffusion.samplers import State
from vinf_jax.parallel.mesh import CLIP, EVERYWHERE, FRAMES, fetch, place
from vinf_jax.parallel.timeline import clip_length
from vinf_jax.systems.video_infinity.decoding import filled
from vinf_jax.systems.video_infinity.waves import Wave

Saved = dict[str, np.ndarray]
"""A sampler's state on the host: each array (n, h, w, C), the frames of a call without padding."""
LatentsOf = Callable[[Sequence[int]], np.ndarray]
"""(numbers) -> clean latents (n, h, w, C) of these frames."""


@dataclass(frozen=True)
class Call:
    """One wave on a mesh. shape: of one frame's latents, (h, w, C). dtype: of all latents."""

    wave: Wave
    mesh: Mesh
    shape: tuple[int, ...]
    dtype: np.dtype

    def numbers(self) -> np.ndarray:
        """The frames' numbers (F,), padding included."""
        return self._filled(np.array(self.wave.numbers, np.int32))

    def held(self) -> tuple[Array, Array]:
        """Which frames are known (F,), over the clips; where the global frames stand (G,)."""
        known = self._filled(np.array(self.wave.known))
        afar = np.searchsorted(self.wave.numbers, self.wave.afar).astype(np.int32)
        return place(self.mesh, P(CLIP), known), place(self.mesh, EVERYWHERE, afar)

    def clean(self, latents_of: LatentsOf) -> Array:
        """Clean latents (1, F, h, w, C) of the known frames, over the clips; others are 0."""
        latents = np.zeros((len(self.wave.numbers), *self.shape), self.dtype)
        if held := self.wave.held:
            latents[np.array(self.wave.known)] = self._checked("latents", latents_of(held), held)
        return self._laid(latents)

    def restored(self, saved: Saved) -> State:
        """A sampler's state that `saved` gave, on any mesh."""
        numbers = self.wave.numbers
        return {name: self._laid(self._checked(name, x, numbers)) for name, x in saved.items()}

    def saved(self, state: State) -> Saved:
        """A sampler's state, on the host."""
        return {name: fetch(x)[0, : len(self.wave.numbers)] for name, x in state.items()}

    def made(self, latents: Array) -> np.ndarray:
        """Of latents (1, F, h, w, C) those of the frames that the call makes, on the host."""
        return fetch(latents)[0, : len(self.wave.numbers)][~np.array(self.wave.known)]

    def _checked(self, name: str, x: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
        """x in our dtype; ValueError where it is not (numbers, h, w, C) of finite values."""
        x, shape = np.asarray(x), (len(numbers), *self.shape)
        if x.shape != shape:
            raise ValueError(f"{name}: shape {x.shape}; give {shape}")
        if not np.isfinite(x).all():
            raise ValueError(f"{name}: they hold values that are not finite numbers")
        return x.astype(self.dtype)

    def _laid(self, latents: np.ndarray) -> Array:
        return jax.block_until_ready(place(self.mesh, FRAMES, self._filled(latents)[None]))

    def _filled(self, x: np.ndarray) -> np.ndarray:
        """x (F, ...) with as many frames as the clips divide."""
        clips = self.mesh.shape[CLIP]
        return filled(x, clips * clip_length(len(x), clips))
