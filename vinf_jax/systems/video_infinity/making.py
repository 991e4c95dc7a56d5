"""One video from a checked request, wave by wave: set-up, compile, denoise, decode."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import jax
import numpy as np

from vinf_jax.diffusion.samplers import State
from vinf_jax.parallel.mesh import FRAMES, local_clips, own_frames, place
from vinf_jax.systems.video_infinity import decoding, sampling
from vinf_jax.systems.video_infinity.call import LatentsOf, Saved, Span
from vinf_jax.systems.video_infinity.kinds import resumable
from vinf_jax.systems.video_infinity.progress import Progress, Telling
from vinf_jax.systems.video_infinity.stepping import Stepping, Ways

Told = Callable[[Progress], object] | None


class Making:
    """The making of one video. It holds what one wave needs and nothing of the others; who drives
    it keeps the latents that `wave` returns, and gives back those that a later wave asks for.

    Where several processes share the mesh, all call `wave` together; each gives and gets the frames
    that `spans` says.

    request: what is made. waves: the calls, to be made in order. shape: of one frame's latents.
    dtype: of latents and states. steps: of a wave. kinds: of these. timings: seconds by stage,
    summed over waves.
    """

    def __init__(self, stepping: Stepping) -> None:
        self.stepping, self.request = stepping, stepping.request
        self.waves = self.request.waves
        self.sampler, self.kinds = stepping.sampler, stepping.kinds
        self.shape, self.dtype = stepping.shape, stepping.dtype
        self.steps = len(self.kinds)
        self.timings: dict[str, float] = {}
        self._compiled = stepping.compiled
        self._viewers = local_clips(stepping.mesh)
        largest = max(len(wave.numbers) for wave in self.waves)
        own = -(-largest // stepping.mesh.size)  # what `Budget` counts on
        self._chunk = self._viewers.size * min(decoding.CHUNK, own)

    def wave(
        self,
        index: int,
        latents_of: LatentsOf,
        *,
        state: Saved | None = None,
        step: int = 0,
        on_state: Callable[[int, Saved], object] | None = None,
        state_every: int = 1,
        on_step: Told = None,
    ) -> np.ndarray:
        """The clean latents (n, h, w, C) of `waves[index].made`, as far as they are our own.

        Args:
            latents_of: (numbers) -> their clean latents (n, h, w, C); asked once, for those of
                `waves[index].held` that are here, where there are such and no state is given.
            state, step: what `on_state` was told, of the frames that are here, to go on from there:
                bit for bit the same on the same mesh.
            on_state: told the number of steps done and the sampler's state of our own frames after
                every `state_every` steps, the last one excepted; where steps reuse deep features,
                after as many more as it takes until one does not.
            on_step: told about the stages "set-up", "compile" and "denoise", step by step.

        Raises:
            ValueError: latents or a state of another shape, or with values that are not finite; a
                step that there is not, or that reuses what the steps before it found.
        """
        if not 0 <= step < self.steps:
            raise ValueError(f"step: {step}, but a wave has steps 0 to {self.steps - 1}")
        if not self.kinds[step].deep:
            raise ValueError(
                f"step: {step} reuses what the steps before it found; begin at another"
            )
        call = self.stepping.call(self.waves[index])
        own = call.wave.numbers[slice(*call.own)]
        telling = self._telling(on_step, index, own)
        telling.begin("set-up", 1)
        ways = self.stepping.ways(call, [self.stepping])
        now = call.restored(state) if state else self.stepping.first(ways, call, latents_of)
        telling.tell(1)
        keep = None
        if on_state:
            saves, told = resumable(self.kinds, state_every), on_state
            keep = lambda n, now: n in saves and told(n, call.saved(now))  # noqa: E731
        now = self._denoised(ways, now, telling, step, keep)
        return call.made(self.sampler.result(now))

    def beside(self, others: Sequence["Making"], *, on_step: Told = None) -> np.ndarray:
        """Clean latents (B, n, h, w, C) of this video and of others that differ in seed and prompts
        alone, all in one call of the network for each step; `together` says which may be.

        on_step: told as by `wave`, of this video.
        """
        call = self.stepping.call(self.waves[0])
        numbers = call.wave.numbers
        telling = self._telling(on_step, 0, numbers)
        telling.begin("set-up", 1)
        ways = self.stepping.ways(call, [video.stepping for video in (self, *others)])
        now = self.stepping.first(ways, call, _nothing)
        telling.tell(1)
        now = self._denoised(ways, now, telling)
        return own_frames(self.sampler.result(now))[:, : len(numbers)]

    def spans(self, index: int) -> tuple[Span, Span]:
        """Which frames of a wave's call, by position, are here, and which are our own: (first,
        last + 1). Both are all of them where there is one process."""
        call = self.stepping.call(self.waves[index])
        return call.here, call.own

    def refuse_parts(self) -> None:
        """ValueError where other processes hold some of the frames."""
        if any(self.spans(index)[1] != (0, len(w.numbers)) for index, w in enumerate(self.waves)):
            raise ValueError(
                "clips: other processes hold some of them, so no process has the whole video; make "
                "it in a job's folder (python -m infer, or work.Work)"
            )

    def refuse_shapes(self, given: Mapping[int, np.ndarray]) -> None:
        """ValueError where latents are not of this video's size."""
        wrong = {n: np.shape(x) for n, x in given.items() if np.shape(x) != self.shape}
        if wrong:
            n, shape = next(iter(wrong.items()))
            raise ValueError(
                f"given: frame {n} has latents of shape {shape}, but those of this video are "
                f"{self.shape}; encode pictures of {self.request.height}x{self.request.width} "
                f"pixels ({len(wrong)} of {len(given)} frames do not fit)"
            )

    def decode(
        self, latents: np.ndarray, *, on_step: Told = None, index: int = 0
    ) -> Iterator[np.ndarray]:
        """Pixels uint8 (m, H, W, 3) of latents (n, h, w, C), some frames at a time, in order. Every
        device of this process takes its share, of the next ones while these are looked at. index:
        of the wave that `on_step` is told about."""
        telling = self._telling(on_step, index, ())
        telling.begin("compile", 1)
        decoder = self._decoder()
        telling.tell(1)
        telling.begin("decode", -(-len(latents) // self._chunk))
        parameters = self._compiled.laid("autoencoder", self._viewers)
        given = (latents.astype(self.dtype), self._viewers, self._chunk)
        for n, pixels in enumerate(decoding.chunks(decoder, parameters, *given)):
            telling.tell(n + 1)
            yield pixels
            telling.resume()

    def pieces(
        self, given: Mapping[int, np.ndarray], on_step: Told
    ) -> Iterator[tuple[int, np.ndarray]]:
        """(number of the first frame, pixels) of the whole video, in order; see
        `VideoInfinity.stream`. Of the latents made, only those that later waves ask for are kept.
        """
        made: dict[int, np.ndarray] = {}

        def latents_of(numbers: Sequence[int]) -> np.ndarray:
            return np.stack([given[n] if n in given else made[n] for n in numbers])

        first, later = 0, [set(wave.held) for wave in self.waves[1:]]
        for index, wave in enumerate(self.waves):
            latents = self.wave(index, latents_of, on_step=on_step)
            made |= dict(zip(wave.made, latents, strict=True))
            last = self.request.frames - 1 if index == len(self.waves) - 1 else wave.made[-1]
            latents = latents_of(range(first, last + 1))
            for pixels in self.decode(latents, on_step=on_step, index=index):
                yield first, pixels
                first += len(pixels)
            needed = set[int]().union(*later[index:])
            made = {n: x for n, x in made.items() if n in needed}

    def _denoised(
        self,
        ways: Ways,
        now: State,
        telling: Telling,
        step: int = 0,
        keep: Callable[[int, State], object] | None = None,
    ) -> State:
        """The state after the last step. keep: told the number of steps done and the state after
        each, the last one excepted."""
        telling.begin("compile", 1)
        runs = self.stepping.runs(ways, now, self.kinds[step:])
        telling.tell(1)
        telling.begin("denoise", self.steps, step)
        deep: State = {}
        for i in range(step, self.steps):
            kind = self.kinds[i]
            deep = {} if kind.deep else deep
            now = runs[kind](now | deep, np.int32(i), *ways[kind][1])
            deep = {sampling.DEEP: now.pop(sampling.DEEP)} if kind.keeps else {}
            telling.state = jax.block_until_ready(now)
            telling.tell(i + 1)
            if keep and i + 1 < self.steps:
                keep(i + 1, now)
        return now

    def _decoder(self) -> Callable:
        """The compiled decoder of a chunk."""
        graph, scale = self._compiled.autoencoder[0], self._compiled.scale
        tile = self.request.decode_tile
        like = np.zeros((1, self._chunk, *self.shape), self.dtype)

        def build() -> Callable:
            decoder = decoding.chunk_decoder(graph, scale, self._viewers, tile)
            parameters = self._compiled.laid("autoencoder", self._viewers)
            return decoder.lower(parameters, place(self._viewers, FRAMES, like)).compile()

        return self.stepping.kept(("decode", self._viewers, like.shape, tile), build)

    def _telling(self, on_step: Told, index: int, numbers: tuple[int, ...]) -> Telling:
        return Telling(
            on_step,
            self.timings,
            frames=self.request.frames,
            wave=index,
            waves=len(self.waves),
            numbers=numbers,
            _picture=partial(self._compiled.picture, tile=self.request.decode_tile),
        )


def _nothing(numbers: Sequence[int]) -> np.ndarray:
    raise AssertionError("no frame is known")
