"""The steps of a video's calls: their plans, what all of them are given, and their programs."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from vinf_jax.diffusion.samplers import State
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.nn.parameters import dtype_of
from vinf_jax.parallel.mesh import CLIP, EVERYWHERE, HALVED_FRAMES, place
from vinf_jax.systems.video_infinity import sampling
from vinf_jax.systems.video_infinity.call import Call, LatentsOf
from vinf_jax.systems.video_infinity.compiled import Compiled
from vinf_jax.systems.video_infinity.kinds import Kind
from vinf_jax.systems.video_infinity.prompts import wave_text
from vinf_jax.systems.video_infinity.request import Request
from vinf_jax.systems.video_infinity.waves import Wave

Ways = Mapping[Kind, tuple[sampling.Plan, tuple[Any, ...]]]
"""Of every kind of step its plan, and what its steps are given, as in `sampling.step`."""


class Stepping:
    """How the steps of one video are taken on a mesh.

    tokens: of `request.texts`. kinds: of the steps of a wave, in order. shape: of one frame's
    latents. dtype: of latents and states.
    """

    def __init__(
        self,
        compiled: Compiled,
        schedule: Schedule,
        prediction: str,
        request: Request,
        mesh: Mesh,
        tokens: np.ndarray,
    ) -> None:
        self.sampler = request.make_sampler(schedule)
        self.kinds = request.kinds(len(self.sampler.times))
        height, width = (side // compiled.enlargement for side in (request.height, request.width))
        self.shape = height, width, compiled.channels
        self.dtype = np.dtype(jnp.promote_types(dtype_of(compiled.unet[1]), jnp.float32))
        self.compiled, self.request, self.mesh, self._tokens = compiled, request, mesh, tokens
        self._schedule, self._prediction = schedule, prediction

    def call(self, wave: Wave) -> Call:
        """Its frames on the mesh."""
        return Call(wave, self.mesh, self.shape, self.dtype)

    def ways(self, call: Call, videos: Sequence["Stepping"]) -> Ways:
        """The kinds of steps of these videos, of which this is one, in the order in which they come
        first."""
        plans = {kind: self._plan(call.wave, kind) for kind in self.kinds}
        by_halves = {kind.halves: plan for kind, plan in plans.items()}
        given = {n: self._given(plan, call, videos) for n, plan in by_halves.items()}
        return {kind: (plan, given[kind.halves]) for kind, plan in plans.items()}

    def first(self, ways: Ways, call: Call, latents_of: LatentsOf) -> State:
        """The state before the first step."""
        plan, given = next(iter(ways.values()))
        draw = self.kept(("start", plan), lambda: sampling.start(plan, self.dtype))
        _, keys, _, _, _, numbers, *held = given
        clean = (held[0], call.clean(latents_of)) if held else ()
        return jax.block_until_ready(draw(keys, numbers, *clean))

    def runs(self, ways: Ways, now: State, wanted: Sequence[Kind]) -> dict[Kind, Callable]:
        """The compiled steps. Those that reuse something come after those that have it."""
        runs: dict[Kind, Any] = {}
        for kind, (plan, given) in ways.items():
            if kind not in wanted:
                continue
            deep = {}
            if not kind.deep:
                like = runs[kind._replace(deep=True)].out_info[sampling.DEEP]
                lies = NamedSharding(self.mesh, HALVED_FRAMES)
                deep[sampling.DEEP] = jax.ShapeDtypeStruct(like.shape, like.dtype, sharding=lies)
            runs[kind] = self._step(plan, now | deep, given)
        return runs

    def kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` makes, once for this model, `key` and dtype."""
        return self.compiled.keep((key, self.dtype), make)

    def text(self, numbers: np.ndarray) -> np.ndarray:
        """Text of the halves of guidance, as `wave_text` gives it."""
        request = self.request
        return wave_text(self._encoded, request.ranges, request.crossfade, numbers, request.cuts)

    def _plan(self, wave: Wave, kind: Kind) -> sampling.Plan:
        return sampling.Plan(
            graph=self.compiled.unet[0],
            sampler=self.sampler,
            schedule=self._schedule,
            prediction=self._prediction,
            scope=self.request.scope,
            mesh=self.mesh,
            frames=len(wave.numbers),
            shape=self.shape,
            kind=kind,
            gapless=wave.gapless,
            held=not wave.plain,
            known_time=self.request.known_time,
            portion=self.request.portion or None,
            exchange=self.request.exchange,
        )

    def _given(
        self, plan: sampling.Plan, call: Call, videos: Sequence["Stepping"]
    ) -> tuple[Any, ...]:
        """What all steps of these videos are given, as in `sampling.step`."""
        request, numbers = self.request, call.numbers()
        text = np.concatenate([video.text(numbers) for video in videos], axis=1)
        text = text[-plan.kind.halves :]
        keys = jnp.stack([jax.random.key(video.request.seed) for video in videos])
        lay = partial(place, self.mesh)
        return (
            self.compiled.laid("unet", self.mesh),
            lay(EVERYWHERE, keys),
            np.asarray(request.guidance, self.dtype),
            np.asarray(request.fps, self.dtype),
            lay(sampling.text_spec(text.ndim), text),
            lay(P(CLIP), numbers),
            *(call.held() if plan.held else ()),
        )

    def _step(self, plan: sampling.Plan, state: dict[str, Any], given: tuple[Any, ...]) -> Callable:
        """The compiled step."""
        shapes = tuple(x.shape for x in given[1:])
        build = partial(sampling.step, plan, given[4].ndim)
        return self.kept(
            ("step", plan, shapes),
            lambda: build().lower(state, np.int32(0), *given).compile(),
        )

    @cached_property
    def _encoded(self) -> np.ndarray:
        """Text features of the prompts, and of the negative one."""
        return self.compiled.text(self._tokens)
