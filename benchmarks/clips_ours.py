"""The work of `clips` and `frames` done by this project: one denoiser call on a mesh."""

import jax
import jax.numpy as jnp
import numpy as np

from vinf_jax.nn.parameters import merge
from vinf_jax.parallel.mesh import EVERYWHERE, make_mesh, place
from vinf_jax.systems.video_infinity import Settings, predict, reference, video_infinity

from .network_ours import weights
from .network_work import RATE, TIME, Work
from .paired import Call

PORTION = Settings.portion
"""As in a video."""


def prepared(work: Work, devices: int, ranks: int | None) -> Call:
    """One call on so many devices; with `ranks` the public code's answer for so many processes.
    Compiled as a whole, as a sampler's steps are."""
    graph, _ = work.like
    mesh = make_mesh(devices) if devices > 1 else None
    parameters = weights(work)
    parameters = place(mesh, EVERYWHERE, parameters) if mesh else parameters
    scope = reference(ranks) if ranks else video_infinity()
    latents, text = jnp.asarray(work.latents()), jnp.asarray(work.text())
    how = {"fps": RATE, "scope": scope, "mesh": mesh, "portion": PORTION}

    @jax.jit
    def call(parameters, latents, text):
        return predict(merge(graph, parameters), latents, TIME, text, **how)

    return lambda: np.asarray(call(parameters, latents, text))
