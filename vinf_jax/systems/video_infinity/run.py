"""One video from a checked request: set-up, compile, denoise, decode."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from vinf_jax.diffusion.samplers import State
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.parallel.mesh import CLIP, EVERYWHERE, place
from vinf_jax.parallel.timeline import clip_length, spread
from vinf_jax.systems.video_infinity import decoding, sampling
from vinf_jax.systems.video_infinity.compiled import Compiled
from vinf_jax.systems.video_infinity.prediction import dtype_of
from vinf_jax.systems.video_infinity.prompts import frame_text, prompt_weights
from vinf_jax.systems.video_infinity.request import Request

SHOWN = 8
"""Frames of a preview."""


@dataclass(frozen=True)
class Progress:
    """Where a video is. stage: "set-up", "compile", "denoise" or "decode". step: how many of
    `steps` are done; a stage begins at 0. seconds: since the stage began. state: the sampler's,
    frames over clips, None before there is one. frames: of the video.

    State and preview are there while `on_step` runs, and gone with the next step.
    """

    stage: str
    step: int
    steps: int
    seconds: float
    state: State | None
    frames: int
    _picture: Callable[[np.ndarray], np.ndarray]

    def preview(self) -> np.ndarray | None:
        """A few frames, uint8 (n, H, W, 3), evenly spaced over the video as it is estimated now;
        None before the first step."""
        if self.state is None:
            return None
        x0 = self.state["x0"]
        if x0.is_deleted():
            raise ValueError("preview: its step is over; ask for it while on_step runs")
        return self._picture(decoding.frames_at(x0, spread(self.frames, SHOWN)))


class Run:
    """The making of one video."""

    def __init__(
        self,
        compiled: Compiled,
        schedule: Schedule,
        prediction: str,
        wish: Request,
        mesh: Mesh,
        tokens: np.ndarray,
    ) -> None:
        self.compiled, self.wish, self.mesh, self.tokens = compiled, wish, mesh, tokens
        self.length = clip_length(wish.frames, wish.clips)
        self.size = min(decoding.CHUNK, self.length)
        self.starts = decoding.chunk_starts(self.length, self.size)
        shape = tuple(side // compiled.enlargement for side in (wish.height, wish.width))
        self.plan = sampling.Plan(
            graph=compiled.unet[0],
            sampler=wish.make_sampler(schedule),
            schedule=schedule,
            prediction=prediction,
            scope=wish.scope,
            mesh=mesh,
            frames=wish.frames,
            shape=(*shape, compiled.channels),
            halves=wish.halves,
        )
        self.dtype = jnp.promote_types(dtype_of(compiled.unet[1]), jnp.float32)
        self.state: State | None = None

    def pieces(
        self, on_step: Callable[[Progress], object] | None, timings: dict[str, float]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """(number of the first frame, uint8 pixels) in order; see `VideoInfinity.stream`."""
        self.on_step, self.timings = on_step, timings
        first, given = self._set_up()
        step, decode = self._compile(first, given)
        chunks = self._decode(decode, self._denoise(step, first, given))
        yield from decoding.in_order(chunks, self.starts, self.length, self.wish.frames)

    def _set_up(self) -> tuple[State, tuple]:
        """The first state, and what all steps are given."""
        self._begin("set-up", 1)
        unet, _ = self.compiled.laid(self.mesh)
        keys, text, numbers = self._keys(), self._text(), self._numbers()
        draw = self._kept("start", lambda: sampling.start(self.plan, self.dtype))
        first = jax.block_until_ready(draw(keys, numbers))
        self._tell(1)
        scalars = (np.asarray(x, self.dtype) for x in (self.wish.guidance, self.wish.fps))
        return first, (unet, keys, *scalars, text, numbers)

    def _compile(self, first: State, given: tuple) -> tuple[Callable, Callable]:
        """The compiled step and decoder."""
        self._begin("compile", 2)
        text = given[-2]
        build = partial(sampling.step, self.plan, text.ndim)
        step = self._kept(
            ("step", text.shape), lambda: build().lower(first, np.int32(0), *given).compile()
        )
        self._tell(1)
        parameters = self.compiled.laid(self.mesh)[1]
        graph, scale = self.compiled.autoencoder[0], self.compiled.scale
        build_decoder = partial(decoding.chunk_decoder, graph, scale, self.mesh, self.size)
        decode = self._kept(
            "decode",
            lambda: build_decoder().lower(parameters, first["x"], np.int32(0)).compile(),
        )
        self._tell(2)
        return step, decode

    def _denoise(self, step: Callable, state: State, given: tuple) -> Array:
        """The finished latents, frames over clips."""
        self._begin("denoise", len(self.plan.sampler.times))
        for i in range(self.steps):
            state = self.state = jax.block_until_ready(step(state, np.int32(i), *given))
            self._tell(i + 1)
        return self.plan.sampler.result(state)

    def _decode(self, decode: Callable, latents: Array) -> list[Array]:
        """Pixels, still on their devices, in chunks that begin at `starts` of every clip."""
        self._begin("decode", len(self.starts))
        parameters, chunks = self.compiled.laid(self.mesh)[1], []
        for n, first in enumerate(self.starts):
            chunks.append(jax.block_until_ready(decode(parameters, latents, np.int32(first))))
            self._tell(n + 1)
        return chunks

    def _text(self) -> Array:
        """Text of the halves on the mesh: (halves, 1, N, D) for one prompt, with a frame axis
        before N for several."""
        wish, encoded = self.wish, self.compiled.text(self.tokens)
        count = len(wish.prompts)
        text = encoded[:1]
        if count > 1:
            weights = prompt_weights(wish.ranges, wish.crossfade)
            spare = wish.clips * self.length - wish.frames
            weights = np.pad(weights, ((0, spare), (0, 0)), mode="edge")
            text = frame_text(encoded[:count], weights)[None]
        without = encoded[count:]
        if len(without) and count > 1:
            without = np.broadcast_to(without[:, None], text.shape)
        halves = np.stack([without, text]) if len(without) else text[None]
        return place(self.mesh, sampling.text_spec(halves.ndim), halves)

    def _keys(self) -> Array:
        return place(self.mesh, EVERYWHERE, jax.random.key(self.wish.seed)[None])

    def _numbers(self) -> Array:
        return place(self.mesh, P(CLIP), np.arange(self.wish.clips * self.length, dtype=np.int32))

    def _kept(self, key: Any, make: Callable[[], Any]) -> Any:
        return self.compiled.keep((key, self.plan, self.dtype), make)

    def _begin(self, stage: str, steps: int) -> None:
        self.stage, self.steps, self.since = stage, steps, time.perf_counter()
        self._tell(0)

    def _tell(self, step: int) -> None:
        seconds = self.timings[self.stage] = time.perf_counter() - self.since
        if self.on_step:
            now = (self.stage, step, self.steps, seconds)
            self.on_step(Progress(*now, self.state, self.wish.frames, self.compiled.picture))
