"""One clip from the one before it, again and again (PVDM, section 3.3).

The first clip knows nothing; every later one is given the latents that were sampled before it, not
their pixels. A batch of videos lies over the devices of a mesh; every video draws its own noise, so
neither the batch nor the mesh changes it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from vinf_jax.diffusion.clamped import Clamped
from vinf_jax.diffusion.denoiser import Model, denoiser, guided
from vinf_jax.diffusion.samplers import State
from vinf_jax.models.pvdm_autoencoder import PVDMAutoencoder
from vinf_jax.models.pvdm_unet import PVDMUNet
from vinf_jax.nn.parameters import dtype_of, merge, split
from vinf_jax.nn.pixels import to_bytes
from vinf_jax.parallel.gpu import unrounded
from vinf_jax.parallel.mesh import BATCH, EVERYWHERE, place


@dataclass(frozen=True)
class Progress:
    """Where a run is. stage: "set-up", "denoise" or "decode". step: how many of `steps` are done,
    of all clips together. seconds: since the run began. latents: (videos, N, D), as they are now
    estimated; None before the first step."""

    stage: str
    step: int
    steps: int
    seconds: float
    latents: Array | None


class Recursion:
    """Two networks and what was compiled of them. prediction: what the UNet says."""

    def __init__(self, unet: PVDMUNet, autoencoder: PVDMAutoencoder, prediction: str) -> None:
        self._prediction = prediction
        self.unet, self.autoencoder = split(unet), split(autoencoder)
        graph = self.autoencoder[0]

        def decode(weights: Any, z: Array) -> Array:
            with unrounded(weights):
                return to_bytes(merge(graph, weights).decode(z.astype(dtype_of(weights))))

        def lost(weights: Any, z: Array) -> Array:
            with unrounded(weights):
                autoencoder = merge(graph, weights)
                pixels = autoencoder.decode(z.astype(dtype_of(weights)))
                again = autoencoder.encode(jnp.clip(pixels, -1, 1))
            return jnp.sqrt(jnp.mean((again - z) ** 2, axis=(1, 2)))

        self._decode, self._lost = jax.jit(decode), jax.jit(lost)
        self._steps: dict[tuple[Clamped, bool], Callable[..., State]] = {}

    def renew(self, unet: PVDMUNet) -> None:
        """Other weights, for what was compiled of the same network."""
        self.unet = self.unet[0], split(unet)[1]

    def clips(
        self,
        samplers: Sequence[Clamped],
        shape: tuple[int, int],
        *,
        candidates: int,
        guidance: float,
        seed: int,
        videos: int,
        mesh: Mesh,
        on_step: Callable[[Progress], object] | None = None,
    ) -> Iterator[np.ndarray]:
        """Pixels uint8 (videos, F, H, W, 3), clip after clip.

        A first clip that is none of those that the autoencoder knows, a patchwork of several, is
        not what its own pixels are encoded to. So of several candidates the one whose latents come
        back best begins a video.

        Args:
            samplers: of each clip.
            shape: of a clip's latents, (N, D).
            candidates: first clips that are made for each video.
            guidance: scale towards the clip before.
            seed: video v of it has noise of its own.
            videos: how many; a multiple of the devices.
            mesh: with an axis for the batch.
            on_step: told about every step.
        """
        weights, pixels = place(mesh, EVERYWHERE, (self.unet[1], self.autoencoder[1]))
        more = (candidates - 1) * len(samplers[0].times)
        tell = _Teller(on_step, more + sum(len(sampler.times) for sampler in samplers))
        tell.stage("set-up")
        keys = place(mesh, BATCH, _of_each(jax.random.key(seed), videos))
        latents = place(mesh, BATCH, np.zeros((videos, *shape), np.float32))
        for number, sampler in enumerate(samplers):
            step = self._step(sampler, number > 0 and guidance != 1)
            after = weights, latents, np.float32(guidance)
            # The other candidates draw as clips do that are too late to be made.
            owns = [number, *(2**32 - n for n in range(1, 1 if number else candidates))]
            drawn = [_folded(keys, np.uint32(own)) for own in owns]
            made = [_sampled(step, sampler, own, *after, tell) for own in drawn]
            latents = self._best(pixels, made)
            tell.stage("decode", latents)
            yield np.asarray(self._decode(pixels, latents))

    def _best(self, pixels: Any, made: Sequence[Array]) -> Array:
        """Of each video the latents that come back best, of several clips' (videos, N, D)."""
        best, *others = made
        if not others:
            return best
        least = self._lost(pixels, best)
        for other in others:
            lost = self._lost(pixels, other)
            best = jnp.where((lost < least)[:, None, None], other, best)
            least = jnp.minimum(lost, least)
        return best

    def _step(self, sampler: Clamped, halves: bool) -> Callable[..., State]:
        """(state, i, parameters, keys, condition, guidance) -> the state after step i."""

        def one(state, i, parameters, keys, condition, guidance) -> State:
            noise = _noise(_folded(keys, i), condition.shape[1:]) if sampler.stochastic else None
            unet = merge(self.unet[0], parameters)
            narrow = dtype_of(parameters)
            says = conditional(unet, condition.astype(narrow), halves)

            def said(x: Array, time: Any) -> Array:
                return says(x.astype(narrow), time).astype(x.dtype)

            denoise = denoiser(said, sampler.schedule, self._prediction)
            denoise = guided(denoise, guidance) if halves else denoise
            with unrounded(parameters):
                return sampler.step(state, denoise, i, noise)

        if (sampler, halves) not in self._steps:
            self._steps[sampler, halves] = jax.jit(one)
        return self._steps[sampler, halves]


def conditional(unet: Any, condition: Array, halves: bool = False) -> Model:
    """What a UNet says of latents (B, N, D) that follow `condition`, in one pass; with `halves`
    (2, B, N, D), first as if nothing were known.

    unet: (latents, times (B,), condition) -> as latents.
    """

    def alone(x: Array, time: Any) -> Array:
        return unet(x, jnp.full(x.shape[:1], time), condition)

    def both(x: Array, time: Any) -> Array:
        given = jnp.concatenate([jnp.zeros_like(condition), condition])
        twice = jnp.concatenate([x, x])
        return unet(twice, jnp.full(twice.shape[:1], time), given).reshape(2, *x.shape)

    return both if halves else alone


def _sampled(
    step: Callable[..., State],
    sampler: Clamped,
    keys: Array,
    parameters: Any,
    condition: Array,
    guidance: np.float32,
    tell: "_Teller",
) -> Array:
    """The latents of a clip of every video, by all steps; keys: of each video, for this clip."""
    state = sampler.init(_noise(_folded(keys, len(sampler.times)), condition.shape[1:]))
    for i in range(len(sampler.times)):
        given = parameters, keys, condition, guidance
        state = jax.block_until_ready(step(state, np.int32(i), *given))
        tell(state["x0"])
    return sampler.result(state)


class _Teller:
    """Counts the steps of all clips."""

    def __init__(self, on_step: Callable[[Progress], object] | None, steps: int) -> None:
        self._on_step, self._steps = on_step, steps
        self._began, self._done = time.perf_counter(), 0

    def __call__(self, latents: Array) -> None:
        self._done += 1
        self.stage("denoise", latents)

    def stage(self, name: str, latents: Array | None = None) -> None:
        if self._on_step:
            seconds = time.perf_counter() - self._began
            self._on_step(Progress(name, self._done, self._steps, seconds, latents))


def _of_each(key: Array, videos: int) -> Array:
    return jax.vmap(jax.random.fold_in, (None, 0))(key, np.arange(videos, dtype=np.uint32))


def _folded(keys: Array, number: Any) -> Array:
    return jax.vmap(jax.random.fold_in, (0, None))(keys, number)


def _noise(keys: Array, shape: tuple[int, ...]) -> Array:
    return jax.vmap(lambda key: jax.random.normal(key, shape, jnp.float32))(keys)
