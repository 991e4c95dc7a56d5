"""What a video costs before anything is loaded: FLOPs, memory and exchange of the real step.

The step and the decoder are traced, and compiled ahead of time, on abstract weights.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import AbstractMesh, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from vinf_jax.diffusion.samplers import Sampler
from vinf_jax.diffusion.schedule import Schedule
from vinf_jax.nn.parameters import flat, split
from vinf_jax.parallel.gpu import elsewhere
from vinf_jax.parallel.mesh import CLIP, EVERYWHERE, FRAMES, HALVED_FRAMES
from vinf_jax.parallel.timeline import clip_length
from vinf_jax.parallel.traced import Work, work
from vinf_jax.systems.video_infinity import decoding, sampling
from vinf_jax.systems.video_infinity.kinds import Kind, kinds
from vinf_jax.systems.video_infinity.networks import enlargement
from vinf_jax.systems.video_infinity.presets import scope_of
from vinf_jax.systems.video_infinity.settings import Settings, make_sampler

WORDS = 77
"""Tokens of a text, as CLIP has them; other counts change nothing that shows."""
ESTIMATE = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED",
}
"""For compiling on a CPU what is to run elsewhere: memory is laid out, machine code is not wanted,
and the order of work is one that spares memory, as compilers for accelerators choose."""


@dataclass(frozen=True)
class Budget:
    """The cost of a call of `frames` frames on the devices of a mesh.

    networks: abstract, by name, as `networks.built` makes them. settings: resolved; `wave` and
    `overlap` play no part. halves: 2 with guidance. prompts: how many share the frames. held: some
    of the frames are known, as in a later wave. dtype: of the parameters. here: memory is that of
    the devices at hand; otherwise it is an estimate, from a float32 compilation for the CPU with
    activations taken in proportion to `dtype`.
    """

    networks: Mapping[str, nnx.Module]
    schedule: Schedule
    settings: Settings
    mesh: Mesh | AbstractMesh
    frames: int
    dtype: Any = jnp.float32
    prompts: int = 1
    held: bool = False
    here: bool = False

    @property
    def halves(self) -> int:
        return 1 if self.settings.guidance == 1 else 2

    @property
    def devices(self) -> int:
        return self.mesh.size

    @property
    def length(self) -> int:
        """Frames of a device."""
        return clip_length(self.frames, self.mesh.shape[CLIP])

    @cached_property
    def counts(self) -> dict[str, int]:
        """Parameters of each network."""
        shapes = {name: flat(network).values() for name, network in self.networks.items()}
        return {name: sum(int(x.size) for x in arrays) for name, arrays in shapes.items()}

    @property
    def weights(self) -> int:
        """Bytes of all parameters, on each device."""
        return sum(self.counts.values()) * jnp.dtype(self.dtype).itemsize

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Of the steps."""
        chosen = self.settings
        how = chosen.guidance_steps, chosen.reuse
        return kinds(len(self._sampler.times), self.halves, *how)

    @cached_property
    def step(self) -> Work:
        """What one device computes and receives in one step, of the dearest kind."""
        return work(self._step(self.dtype).jaxpr)

    @cached_property
    def share(self) -> float:
        """FLOPs of all steps, over those of as many of the dearest kind."""
        found = {
            kind: work(self._step(self.dtype, kind).jaxpr).flops
            for kind in set(self.kinds)
            if kind != max(self.kinds)
        }
        spent = [found.get(kind, self.step.flops) for kind in self.kinds]
        return sum(spent) / (len(spent) * self.step.flops)

    @cached_property
    def decoding(self) -> Work:
        """What decoding one frame takes."""
        traced = self._decoder(self.dtype)
        return Work(flops=work(traced.jaxpr).flops / self._chunk)

    @cached_property
    def step_memory(self) -> int:
        """Bytes that a step needs on each device beside the weights, at its peak."""
        return self._memory(self._step, self.counts["unet"])

    @cached_property
    def decoding_memory(self) -> int:
        """Bytes that decoding needs on each device beside the weights, at its peak."""
        return self._memory(self._decoder, self.counts["autoencoder"])

    @property
    def memory(self) -> int:
        """Bytes on each device at the peak."""
        return self.weights + max(self.step_memory, self.decoding_memory)

    def _memory(self, trace: Any, count: int) -> int:
        wide = self.dtype if self.here else jnp.float32
        options = None if self.here else ESTIMATE
        with contextlib.nullcontext() if self.here else elsewhere():
            traced = trace(wide)
        found = traced.lower().compile(compiler_options=options).memory_analysis()
        size = jnp.dtype(wide).itemsize
        given = found.argument_size_in_bytes - count * size
        kept = found.output_size_in_bytes - found.alias_size_in_bytes
        return given + kept + found.temp_size_in_bytes * jnp.dtype(self.dtype).itemsize // size

    def _step(self, dtype: Any, kind: Kind | None = None) -> Any:
        """The traced step, the dearest one if no kind is given; weights and activations in
        `dtype`."""
        graph, shapes = split(self.networks["unet"])
        plan = self._plan(graph, kind or max(self.kinds))
        wide = jnp.promote_types(dtype, jnp.float32)
        frames = self.mesh.shape[CLIP] * self.length
        numbers = self._array((frames,), jnp.int32, P(CLIP))
        keys = jax.eval_shape(lambda: jax.random.key(0)[None])
        keys = self._array(keys.shape, keys.dtype, EVERYWHERE)
        known = (self._array((frames,), bool, P(CLIP)),) if self.held else ()
        clean = (self._array((1, frames, *plan.shape), wide, FRAMES),) if self.held else ()
        state = jax.eval_shape(sampling.start(plan, wide), keys, numbers, *known, *clean)
        state = jax.tree.map(lambda x: self._array(x.shape, x.dtype, FRAMES), state)
        spread = getattr(plan.scope, "spread", 0)
        afar = (self._array((spread,), jnp.int32, EVERYWHERE),) if self.held else ()
        text, number = self._text(plan.kind.halves, wide), jax.ShapeDtypeStruct((), wide)
        given = (keys, number, number, text, numbers, *known, *afar)
        given = (jax.ShapeDtypeStruct((), jnp.int32), self._laid(shapes, dtype), *given)
        if not plan.kind.deep:
            deep = sampling.step(replace(plan, kind=plan.kind._replace(deep=True)), len(text.shape))
            like = jax.eval_shape(deep, state, *given)[sampling.DEEP]
            state |= {sampling.DEEP: self._array(like.shape, like.dtype, HALVED_FRAMES)}
        return sampling.step(plan, len(text.shape)).trace(state, *given)

    @property
    def _sampler(self) -> Sampler:
        chosen = self.settings
        return make_sampler(chosen.sampler, self.schedule, chosen.steps, chosen.karras)

    def _plan(self, graph: Any, kind: Kind) -> sampling.Plan:
        chosen = self.settings
        return sampling.Plan(
            graph=graph,
            sampler=self._sampler,
            schedule=self.schedule,
            prediction=chosen.prediction,
            scope=scope_of(chosen.scope, chosen.clip_frames),
            mesh=self.mesh,
            frames=self.frames,
            shape=self._shape,
            kind=kind,
            gapless=not self.held,
            held=self.held,
            known_time=chosen.known_time,
            portion=chosen.portion or None,
            exchange=chosen.exchange,
        )

    def _text(self, halves: int, dtype: Any) -> jax.ShapeDtypeStruct:
        unet: Any = self.networks["unet"]
        features = unet.mid_block.attentions[0].transformer_blocks[0].attn2.to_k.kernel.shape[0]
        frames = (self.mesh.shape[CLIP] * self.length,) if self.prompts > 1 else ()
        shape = (halves, 1, *frames, WORDS, features)
        return self._array(shape, dtype, sampling.text_spec(len(shape)))

    def _decoder(self, dtype: Any) -> Any:
        """The traced decoder of a chunk on one device, weights and activations in `dtype`."""
        graph, shapes = split(self.networks["autoencoder"])
        chosen, wide = self.settings, jnp.promote_types(dtype, jnp.float32)
        like = {name: jax.ShapeDtypeStruct(x.shape, dtype) for name, x in shapes.items()}
        latents = jax.ShapeDtypeStruct((self._chunk, *self._shape), wide)
        decode = decoding.picture(graph, chosen.latent_scale, chosen.decode_tile)
        return jax.jit(decode).trace(like, latents)

    def _laid(self, shapes: Mapping[str, Any], dtype: Any) -> dict[str, Any]:
        return {name: self._array(x.shape, dtype, EVERYWHERE) for name, x in shapes.items()}

    def _array(self, shape: tuple[int, ...], dtype: Any, spec: P) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype, sharding=NamedSharding(self.mesh, spec))

    @property
    def _chunk(self) -> int:
        """Frames that a device decodes at once."""
        return min(decoding.CHUNK, -(-self.frames // self.devices))

    @property
    def enlargement(self) -> int:
        """Pixels per latent, on each side."""
        autoencoder: Any = self.networks["autoencoder"]
        return enlargement(autoencoder)

    @property
    def _shape(self) -> tuple[int, int, int]:
        """Of one frame's latents."""
        unet: Any = self.networks["unet"]
        times, chosen = self.enlargement, self.settings
        return chosen.height // times, chosen.width // times, unet.conv_in.kernel.shape[-2]
