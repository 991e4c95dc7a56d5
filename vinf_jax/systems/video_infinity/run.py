"""One video from a checked request: set-up, compile, denoise, decode."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

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
    `steps` are done; a stage begins at 0. seconds: since the stage began."""

    stage: str
    step: int
    steps: int
    seconds: float
    _look: Callable[[], np.ndarray | None]

    def preview(self) -> np.ndarray | None:
        """A few frames, uint8 (n, H, W, 3), evenly spaced over the video as it is estimated now;
        None before the first step. To be asked for while `on_step` runs: what it looks at is gone
        with the next step."""
        return self._look()


class Run:
    """The making of one video. `latents` are there when its pieces have begun to come."""

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
        self.state: dict[str, Array] | None = None

    def pieces(
        self, on_step: Callable[[Progress], object] | None, timings: dict[str, float]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """(number of the first frame, uint8 pixels) in order; see `VideoInfinity.stream`."""
        self.on_step, self.timings = on_step, timings
        self._begin("set-up")
        text, keys, numbers = self._text(), self._keys(), self._numbers()
        unet, autoencoder = self.compiled.laid(self.mesh)
        draw = self._kept("start", lambda: sampling.start(self.plan, self.dtype))
        state = jax.block_until_ready(draw(keys, numbers))
        self._tell(1)
        fixed = (np.asarray(self.wish.guidance, self.dtype), np.asarray(self.wish.fps, self.dtype))

        def given(i: int) -> tuple:
            return (state, unet, keys, np.int32(i), *fixed, text, numbers)

        self._begin("compile", 2)
        step = self._kept(
            ("step", text.shape),
            lambda: sampling.step(self.plan, text.ndim).lower(*given(0)).compile(),
        )
        self._tell(1)
        decode, starts = self._decoder(autoencoder, state["x"])
        self._tell(2)

        steps = len(self.plan.sampler.times)
        self._begin("denoise", steps)
        for i in range(steps):
            state = self.state = jax.block_until_ready(step(*given(i)))
            self._tell(i + 1)

        self._begin("decode", len(starts))
        latents, chunks = self.plan.sampler.result(state), []
        for n, first in enumerate(starts):
            chunks.append(jax.block_until_ready(decode(autoencoder, latents, np.int32(first))))
            self._tell(n + 1)
        yield from decoding.in_order(chunks, starts, self.length, self.wish.frames)

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
        return place(self.mesh, sampling.text_spec(halves), halves)

    def _keys(self) -> Array:
        return place(self.mesh, EVERYWHERE, jax.random.key(self.wish.seed)[None])

    def _numbers(self) -> Array:
        return place(self.mesh, P(CLIP), np.arange(self.wish.clips * self.length, dtype=np.int32))

    def _decoder(self, parameters: Any, latents: Array) -> tuple[Callable, list[int]]:
        size = min(decoding.CHUNK, self.length)
        graph, scale = self.compiled.autoencoder[0], self.compiled.scale
        decode = self.compiled.keep(
            ("decode", self.mesh, latents.shape, latents.dtype),
            lambda: (
                decoding.chunk_decoder(graph, scale, self.mesh, size)
                .lower(parameters, latents, np.int32(0))
                .compile()
            ),
        )
        return decode, decoding.chunk_starts(self.length, size)

    def _kept(self, key: Any, make: Callable[[], Any]) -> Any:
        return self.compiled.keep((key, self.plan, self.dtype), make)

    def _begin(self, stage: str, steps: int = 1) -> None:
        self.stage, self.steps, self.since = stage, steps, time.perf_counter()
        self._tell(0)

    def _tell(self, step: int) -> None:
        seconds = time.perf_counter() - self.since
        self.timings[self.stage] = seconds
        if self.on_step:
            progress = Progress(self.stage, step, self.steps, seconds, self._looker())
            self.on_step(progress)

    def _looker(self) -> Callable[[], np.ndarray | None]:
        state = self.state

        def look() -> np.ndarray | None:
            if state is None:
                return None
            if state["x0"].is_deleted():
                raise ValueError("preview: its step is over; ask for it while on_step runs")
            chosen = spread(self.wish.frames, SHOWN)
            return self.compiled.picture(decoding.frames_at(state["x0"], chosen))

        return look
