"""One denoiser call: what the UNet says about a video at one diffusion time, on any mesh."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jax.typing import ArrayLike

from vinf_jax.models.unet3d import UNet3D
from vinf_jax.nn.context import surround
from vinf_jax.nn.dual import DualScope
from vinf_jax.nn.parameters import dtype_of, merge, split
from vinf_jax.nn.scope import Scope
from vinf_jax.parallel.gpu import unrounded
from vinf_jax.parallel.mesh import CLIP, EVERYWHERE, FRAMES, on_mesh, place
from vinf_jax.parallel.timeline import Timeline, Whole, clip_length, over

FARTHEST = 2**29
"""Frame numbers stay below this in size, far from the number of a frame that does not exist."""


def predict(
    unet: UNet3D,
    latents: ArrayLike,
    time: ArrayLike,
    text: ArrayLike,
    *,
    fps: ArrayLike,
    scope: Scope,
    mesh: Mesh | None = None,
    numbers: ArrayLike | None = None,
    portion: int | None = None,
) -> Array:
    """The network's answer (noise, or what it was trained to predict) for a whole video.

    One call of any sampler; no guidance. The result does not depend on the mesh: float64 agrees to
    1e-8. It is compiled once per shapes, scope and mesh; a new time, fps or text costs nothing.

    Args:
        unet: its parameters may lie anywhere; those that lie on the mesh already are not copied.
        latents: noisy latents (B, F, H, W, C), any float dtype. The network computes in the wider
            of this dtype and its parameters'.
        time: diffusion time, one number or (B,).
        text: (B, N, D) for all frames or (B, F, N, D) for each.
        fps: frames per second, one number or (B,).
        scope: what frames have to do with each other: `base()`, `video_infinity()`,
            `reference(ranks)` or another that `scope_of` makes.
        mesh: of `make_mesh`; the frames are cut over its clips, and padded where those do not
            divide them. None computes on one device.
        numbers: the frames' numbers (F,), distinct, in any order; 0..F-1 if None. Frames are
            neighbours only where their numbers are. They must be known, so not traced by jax.
        portion: pixels of a video's latents (a frame of 40x64 has 2560) that layers compute at once
            where they can; None or 0 for all. Less memory for long videos, the same answer.

    Returns:
        An array like `latents`, in its dtype. (Without jax_enable_x64 float64 is float32, as
        everywhere in jax.)

    Raises:
        ValueError: one message with everything that does not fit.
    """
    latents, text, time, fps = (jnp.asarray(x) for x in (latents, text, time, fps))
    _refuse(_troubles(unet, latents, time, text, fps, scope, mesh, numbers))
    frames = latents.shape[1]
    numbers = np.arange(frames) if numbers is None else np.asarray(numbers)
    order = np.argsort(numbers)
    rising, sorted_already = numbers[order], bool((np.diff(numbers) > 0).all())
    if not sorted_already:
        latents = latents[:, order]
        text = text[:, order] if text.ndim == 4 else text
    graph, parameters = split(unet)
    time, fps = (jnp.broadcast_to(x, latents.shape[:1]).astype(float) for x in (time, fps))
    given = (latents, time, text, fps, jnp.asarray(rising, jnp.int32))
    far = scope.far(rising) if isinstance(scope, DualScope) else None
    if mesh is not None:
        parameters, given = _laid(mesh, frames, parameters, given)
    gapless = bool((np.diff(rising) == 1).all())
    afar = () if far is None else (jnp.asarray(far, jnp.int32),)
    out = _call(graph, scope, mesh, frames, gapless, portion or None, parameters, *given, *afar)
    if out.shape[1] != frames:
        out = out[:, :frames]
    return out if sorted_already else out[:, np.argsort(order)]


@partial(jax.jit, static_argnums=range(6))
def _call(
    graph: Any,
    scope: Scope,
    mesh: Mesh | None,
    frames: int,
    gapless: bool,
    portion: int | None,
    parameters,
    *given,
) -> Array:
    line: Timeline = Whole() if mesh is None else over(CLIP, mesh.shape[CLIP], frames)

    def call(parameters, latents, time, text, fps, numbers, afar=None):
        unet = merge(graph, parameters)
        how = {"gapless": gapless, "afar": afar, "portion": portion}
        context = surround(line, scope, numbers, time, **how)
        x = latents.astype(jnp.promote_types(latents.dtype, dtype_of(parameters)))
        with unrounded(parameters):
            return unet(x, time, text, fps, context).astype(latents.dtype)

    if mesh is None:
        return call(parameters, *given)
    specs = (EVERYWHERE, *_specs(given[2].ndim), EVERYWHERE)[: 1 + len(given)]
    return on_mesh(call, mesh, specs, FRAMES)(parameters, *given)


def _specs(text_axes: int) -> tuple[P, ...]:
    return FRAMES, EVERYWHERE, FRAMES if text_axes == 4 else EVERYWHERE, EVERYWHERE, P(CLIP)


def _laid(mesh: Mesh, frames: int, parameters, given: tuple) -> tuple:
    """Everything on the mesh, frames filled up to a multiple of its clips."""
    clips = mesh.shape[CLIP]
    missing = clips * clip_length(frames, clips) - frames
    latents, time, text, fps, numbers = given
    if missing:
        latents = _padded(latents, 1, missing)
        text = _padded(text, 1, missing) if text.ndim == 4 else text
        numbers = _padded(numbers, 0, missing)
    given = (latents, time, text, fps, numbers)
    laid = [place(mesh, spec, x) for spec, x in zip(_specs(text.ndim), given, strict=True)]
    return place(mesh, EVERYWHERE, parameters), laid


def _padded(x: Array, axis: int, missing: int) -> Array:
    return jnp.pad(x, [(0, missing if n == axis else 0) for n in range(x.ndim)])


def _troubles(unet, latents, time, text, fps, scope, mesh, numbers) -> list[str]:
    """Everything that does not fit, one line each."""
    troubles = []
    if latents.ndim != 5:
        return [f"latents: shape {latents.shape}, but they are videos (B, F, H, W, C)"]
    videos, frames, height, width, channels = latents.shape
    if not jnp.issubdtype(latents.dtype, jnp.floating):
        troubles.append(f"latents: dtype {latents.dtype}, but they are floating point numbers")
    if videos < 1 or frames < 1:
        troubles.append(f"latents: {videos} videos of {frames} frames; give at least one of each")
    expected = unet.conv_in.kernel.shape[-2]
    if channels != expected:
        troubles.append(f"latents: {channels} channels, but this UNet takes {expected}")
    if height % unet.stride or width % unet.stride or not height * width:
        troubles.append(
            f"latents: {height}x{width}, but both sides must be multiples of {unet.stride}"
        )
    for name, value in (("time", time), ("fps", fps)):
        if value.shape not in ((), (videos,)):
            troubles.append(f"{name}: shape {value.shape}; give one number or ({videos},)")
    troubles += _text_troubles(unet, text, videos, frames)
    if numbers is not None:
        troubles += _number_troubles(np.asarray(numbers), frames)
    if mesh is not None:
        troubles += _mesh_troubles(mesh, frames)
    if frames >= 1:
        troubles += [f"scope {line}" for line in scope.troubles(frames)]
    return troubles


def _text_troubles(unet: UNet3D, text: Array, videos: int, frames: int) -> list[str]:
    features = unet.mid_block.attentions[0].transformer_blocks[0].attn2.to_k.kernel.shape[0]
    fits = {3: (videos, None, features), 4: (videos, frames, None, features)}.get(text.ndim)
    if fits and all(a in (b, None) for a, b in zip(fits, text.shape, strict=True)) and text.size:
        return []
    return [
        f"text: shape {text.shape}; give ({videos}, N, {features}) for all frames or "
        f"({videos}, {frames}, N, {features}) for each"
    ]


def _number_troubles(numbers: np.ndarray, frames: int) -> list[str]:
    if numbers.shape != (frames,) or not np.issubdtype(numbers.dtype, np.integer):
        return [
            f"numbers: {numbers.dtype} of shape {numbers.shape}; give ({frames},) whole numbers, "
            "one per frame"
        ]
    values, counts = np.unique(numbers, return_counts=True)
    twice = values[counts > 1]
    troubles = []
    if twice.size:
        troubles.append(f"numbers: {', '.join(map(str, twice[:5]))} stand more than once")
    if values.size and max(abs(int(values[0])), abs(int(values[-1]))) >= FARTHEST:
        troubles.append(f"numbers: {values[0]} to {values[-1]}; they must be within ±{FARTHEST}")
    return troubles


def _mesh_troubles(mesh: Mesh, frames: int) -> list[str]:
    if CLIP not in mesh.shape:
        return [f"mesh: it has axes {mesh.axis_names}; make it with make_mesh(clips)"]
    clips = mesh.shape[CLIP]
    if clips > frames:
        return [f"mesh: {clips} clips for {frames} frames; use at most {max(frames, 1)} clips"]
    return []


def _refuse(troubles: list[str]) -> None:
    if troubles:
        raise ValueError("; ".join(troubles))
