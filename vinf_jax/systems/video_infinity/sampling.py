"""One sampling step of all frames of a call as one compiled function: guidance, UNet, sampler,
noise, and the frames that are known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.sharding import AbstractMesh, Mesh
from jax.sharding import PartitionSpec as P

from vinf_jax.diffusion import known as known_frames
from vinf_jax.diffusion.denoiser import denoiser, guided
from vinf_jax.diffusion.samplers import Sampler, State
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.nn.context import surround
from vinf_jax.nn.parameters import dtype_of, merge
from vinf_jax.nn.scope import Scope
from vinf_jax.parallel.gpu import unrounded
from vinf_jax.parallel.mesh import (
    CLIP,
    EVERYWHERE,
    FRAMES,
    GUIDANCE,
    HALVED_FRAMES,
    HALVES,
    HALVES_FRAMES,
    on_mesh,
)
from vinf_jax.parallel.noise import frame_noise
from vinf_jax.parallel.timeline import Timeline, over
from vinf_jax.systems.video_infinity.kinds import Kind

DEEP = "deep"
"""Beside the sampler's state: what the deep levels said, (halves B, F, H, W, C), to be reused."""


@dataclass(frozen=True)
class Plan:
    """All that is fixed while `frames` frames are sampled, before tracing.

    shape: of one frame's latents, (H, W, C). kind: of the steps. gapless: the frames' numbers rise
    by one. held: some frames may be known, and the global ones are given.
    known_time: as in `settings.Settings`. portion: as in `nn.context.Context`. exchange: as in
    `parallel.timeline.Sharded`.
    """

    graph: Any
    sampler: Sampler
    schedule: Schedule
    prediction: str
    scope: Scope
    mesh: Mesh | AbstractMesh
    frames: int
    shape: tuple[int, int, int]
    kind: Kind
    gapless: bool = True
    held: bool = False
    known_time: int = known_frames.OWN_LEVEL
    portion: int | None = None
    exchange: str = "exact"

    @property
    def line(self) -> Timeline:
        return over(CLIP, self.mesh.shape[CLIP], self.frames, self.exchange)


def text_spec(axes: int) -> P:
    """Where text of the halves lies on the mesh: (halves, B, N, D), or with 5 axes per frame
    (halves, B, F, N, D)."""
    return HALVES_FRAMES if axes == 5 else HALVES


def start(plan: Plan, dtype: Any) -> Callable[..., State]:
    """(keys (B,), numbers (F,)) -> the sampler's first state, frames over clips. Where the plan
    holds frames, two more: known (F,) and clean latents (B, F, H, W, C)."""

    def draw(keys: Array, numbers: Array, *held: Array) -> State:
        state = plan.sampler.init(plan.scope.draw(keys, numbers, plan.shape, dtype))
        return known_frames.hold(state, held[1], _on_latents(held[0])) if held else state

    more = (P(CLIP), FRAMES) if plan.held else ()
    return jax.jit(on_mesh(draw, plan.mesh, (EVERYWHERE, P(CLIP), *more), FRAMES))


def step(plan: Plan, text_axes: int) -> jax.stages.Wrapped:
    """(state, i, parameters, keys, guidance, fps, text, numbers) -> the state after step i. Where
    the plan holds frames, two more: known (F,) and the global frames' positions (G,). The state has
    DEEP after it where the plan keeps that, and before it where the step is not deep.

    The state is given away: its buffers become the result's.
    """

    def one(state, i, parameters, keys, guidance, fps, text, numbers, *held) -> State:
        known, afar = held or (None, None)
        deep = {} if plan.kind.deep else {DEEP: state[DEEP]}
        state = {name: x for name, x in state.items() if name != DEEP}
        halves = _halves(plan, parameters, text, fps, numbers, afar, deep)
        denoise = denoiser(halves, plan.schedule, plan.prediction)
        joined = guided(denoise, guidance) if plan.kind.halves == 2 else _only(denoise)
        how = {"numbers": numbers, "shape": plan.shape, "dtype": state["x"].dtype}
        noise = None
        if plan.sampler.stochastic:
            noise = frame_noise(jax.vmap(jax.random.fold_in, (0, None))(keys, i), **how)
        if known is None:
            return plan.sampler.step(state, _seen_alike(joined), i, noise) | deep
        levels = known_frames.levels(plan.sampler, plan.schedule, plan.known_time, plan.kind.halves)
        own = plan.scope.draw(keys, **how)
        around = {"known": _on_latents(known), "own": own, "shown": levels}
        return known_frames.step(plan.sampler, state, joined, i, noise, **around) | deep

    more = (P(CLIP), EVERYWHERE) if plan.held else ()
    parted = {"x": FRAMES, "x0": FRAMES, DEEP: HALVED_FRAMES}
    specs = (
        FRAMES if plan.kind.deep else parted,
        *(EVERYWHERE,) * 5,
        text_spec(text_axes),
        P(CLIP),
        *more,
    )
    return jax.jit(
        on_mesh(one, plan.mesh, specs, parted if plan.kind.keeps else FRAMES), donate_argnums=0
    )


def _halves(
    plan: Plan,
    parameters,
    text: Array,
    fps: Array,
    numbers: Array,
    afar: Array | None,
    deep: dict[str, Array],
) -> Callable:
    """A model (x, time) -> (halves, B, F, H, W, C): every device group computes the halves whose
    text it holds, and gets those of the others. x: what each half sees, or (1, B, F, H, W, C) what
    both do.

    deep: holds DEEP if that is reused. Samplers ask the model once a step; what its deep levels say
    then is put there, if the plan keeps it.
    """
    unet, dtype = merge(plan.graph, parameters), dtype_of(parameters)
    here = text.shape[0]

    def answer(x: Array, time: Array) -> Array:
        first = lax.axis_index(GUIDANCE) * here
        seen = jnp.broadcast_to(x.astype(dtype), (plan.kind.halves, *x.shape[1:]))
        batch = lax.dynamic_slice_in_dim(seen, first, here).reshape(-1, *x.shape[2:])
        times = jnp.full(batch.shape[:1], time)
        given = {"gapless": plan.gapless, "afar": afar, "portion": plan.portion}
        context = surround(plan.line, plan.scope, numbers, times, **given)
        with unrounded(parameters):
            given = (batch, times, text.reshape(-1, *text.shape[2:]), fps, context)
            out, said = unet.parted(*given, deep.get(DEEP))
        if plan.kind.keeps:
            deep[DEEP] = said
        out = out.astype(x.dtype).reshape(here, *x.shape[1:])
        whole = jnp.zeros((plan.kind.halves, *x.shape[1:]), x.dtype)
        whole = lax.dynamic_update_slice_in_dim(whole, out, first, 0)
        return lax.psum(whole, GUIDANCE)

    return answer


def _on_latents(mask: Array) -> Array:
    """A mask over frames (F,), shaped to meet latents (B, F, H, W, C)."""
    return mask[None, :, None, None, None]


def _seen_alike(joined: Callable) -> Callable:
    return lambda x, time: joined(x[None], time)


def _only(denoise: Callable) -> Callable:
    return lambda x, time: denoise(x, time)[0]
