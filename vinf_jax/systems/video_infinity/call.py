"""The frames of one wave, from the host to the devices of a mesh and back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from vinf_jax.diffusion.samplers import State
from vinf_jax.parallel.mesh import CLIP, EVERYWHERE, FRAMES, clips_here, own_frames, place
from vinf_jax.parallel.timeline import clip_length
from vinf_jax.systems.video_infinity.decoding import filled
from vinf_jax.systems.video_infinity.waves import Wave

Saved = dict[str, np.ndarray]
"""A sampler's state on the host: each array (n, h, w, C), frames of a call without padding."""
Span = tuple[int, int]
LatentsOf = Callable[[Sequence[int]], np.ndarray]
"""(numbers) -> clean latents (n, h, w, C) of these frames."""


@dataclass(frozen=True)
class Call:
    """One wave on a mesh. shape: of one frame's latents, (h, w, C). dtype: of all latents.

    Where several processes share the mesh, each holds some of the frames and answers for some of
    those: its own ones.
    """

    wave: Wave
    mesh: Mesh
    shape: tuple[int, ...]
    dtype: np.dtype

    def numbers(self) -> np.ndarray:
        """The frames' numbers (F,), padding included."""
        return self._filled(np.array(self.wave.numbers, np.int32))

    @property
    def here(self) -> Span:
        """The frames that this process holds, by position: (first, last + 1)."""
        return self._frames_of(clips_here(self.mesh))

    @property
    def own(self) -> Span:
        """Those that are this process's own."""
        return self._frames_of(clips_here(self.mesh, group=0))

    def held(self) -> tuple[Array, Array]:
        """Which frames are known (F,), over the clips; where the global frames stand (G,)."""
        known = self._filled(np.array(self.wave.known))
        afar = np.searchsorted(self.wave.numbers, self.wave.afar).astype(np.int32)
        return place(self.mesh, P(CLIP), known), place(self.mesh, EVERYWHERE, afar)

    def clean(self, latents_of: LatentsOf) -> Array:
        """Clean latents (1, F, h, w, C) of the known frames, over the clips; others are 0. Asks
        for those that are here."""
        latents = np.zeros((len(self.wave.numbers), *self.shape), self.dtype)
        places = [p for p in range(*self.here) if self.wave.known[p]]
        if held := [self.wave.numbers[p] for p in places]:
            latents[places] = self._checked("latents", latents_of(held), held)
        return self._laid(latents)

    def restored(self, saved: Saved) -> State:
        """A sampler's state that `saved` gave, on any mesh: of the frames that are here."""
        numbers = self.wave.numbers[slice(*self.here)]
        state = {}
        for name, x in saved.items():
            whole = np.zeros((len(self.wave.numbers), *self.shape), self.dtype)
            whole[slice(*self.here)] = self._checked(name, x, numbers)
            state[name] = self._laid(whole)
        return state

    def saved(self, state: State) -> Saved:
        """A sampler's state, on the host: of our own frames."""
        return {name: self._own(x) for name, x in state.items()}

    def made(self, latents: Array) -> np.ndarray:
        """Of latents (1, F, h, w, C) those of our own frames that the call makes, on the host."""
        return self._own(latents)[~np.array(self.wave.known, bool)[slice(*self.own)]]

    def _own(self, x: Array) -> np.ndarray:
        start, stop = self.own
        return own_frames(x)[0, : stop - start]

    def _frames_of(self, clips: range) -> Span:
        """Positions of the frames of these clips, without padding."""
        total = len(self.wave.numbers)
        length = clip_length(total, self.mesh.shape[CLIP])
        return min(clips.start * length, total), min(clips.stop * length, total)

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
