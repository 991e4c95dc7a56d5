"""Local and global scope: the neighbours of a frame, and a few frames from all over the video."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from vinf_jax.nn.attention import Attention
from vinf_jax.nn.blending import low_pass, smooth
from vinf_jax.nn.scenes import far_frames, links, scene_of
from vinf_jax.nn.scope import Parted, View, growth_troubles, refuse
from vinf_jax.nn.tables import Reach, Slots, Table, seen, slots, sources
from vinf_jax.nn.tables import attend as attend_by
from vinf_jax.nn.windows import Sight, blocks, look, windows
from vinf_jax.parallel.noise import frame_noise, rescheduled_noise, shared_noise
from vinf_jax.parallel.timeline import NOWHERE, Timeline

CHOICES, NOISES = ("scene", "even"), ("independent", "shared", "rescheduled")


@dataclass(frozen=True)
class DualScope(Parted):
    """Local and global scope (Video-Infinity, arXiv 2406.16260, section 4.2), by frame number.

    A frame sees the frames at most `local` numbers away and `spread` frames evenly spaced over the
    video, the same for all (or those that the context names, where a call holds a part of a video).
    At diffusion time t >= `switch` global keys get a logit bias of `strength`, below it local keys
    do; over `softness` diffusion steps on both sides of the switch the one passes linearly into the
    other. A key in both scopes counts in both. Frames that do not exist are not seen. Cost is
    linear in frames: queries are cut into blocks of about `local`.

    Where `cuts` part scenes (numbers of their first frames), neighbours across a cut are not seen,
    every scene offers as many global frames (`chosen` "scene"; "even" leaves them where they are),
    and those of other scenes get a logit bias of `across` more. Convolutions reach over a cut, and
    GroupNorm counts all scenes, only with `conv_across` and `norm_across`.

    The rest is for comparisons. norm_clip: GroupNorm counts so many frames at a time, not the whole
    video; 0. trained: logits are multiplied by log(keys that a frame sees) / log(trained), trained
    being the frames of a training clip, as the public code can; 0 leaves them. spectral: each scope
    has a softmax of its own, and before the switch global features below this share of the highest
    frequency along time meet local ones above it (`nn.blending`), after it come local ones alone; 0
    is one softmax. noise: frames begin with "independent" noise, or with "shared" noise, which has
    `share` of its variance in common, or with that of `period` frames ago, "rescheduled" by
    quarters.
    """

    local: int = 8
    spread: int = 16
    switch: float = 800
    strength: float = 10.0
    softness: float = 0.0
    cuts: tuple[int, ...] = ()
    chosen: str = "scene"
    across: float = -4.0
    conv_across: bool = False
    norm_across: bool = False
    norm_clip: int = 0
    trained: int = 0
    spectral: float = 0.0
    noise: str = "independent"
    share: float = 0.5
    period: int = 16

    def __post_init__(self) -> None:
        low = ("local", "spread", "softness", "norm_clip")
        troubles = [
            f"{name}: {getattr(self, name)}, but it must be 0 or more"
            for name in low
            if getattr(self, name) < 0
        ]
        troubles += _scene_troubles(self) + _noise_troubles(self) + growth_troubles(self.trained)
        refuse(troubles + _spectral_troubles(self))

    def far(self, numbers: np.ndarray) -> list[int] | None:
        """Positions of the frames that all see, of frames with these numbers, rising; None where
        they are simply spread over them."""
        return far_frames(numbers, self.spread, self.parting) if self.parting else None

    @property
    def parting(self) -> tuple[int, ...]:
        """The cuts between which global frames are chosen."""
        return self.cuts if self.chosen == "scene" else ()

    def draw(self, key: Array, numbers: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        kinds = {
            "independent": frame_noise,
            "shared": partial(shared_noise, share=self.share),
            "rescheduled": partial(rescheduled_noise, period=self.period, group=self.period // 4),
        }
        return kinds[self.noise](key, numbers, shape, dtype)

    def biases(self, time: Array) -> Array:
        """Logit bias of local keys and of global keys at diffusion time t (B,): (2, B)."""
        early = self.early(time)
        return self.strength * jnp.stack([1 - early, early])

    def early(self, time: Array) -> Array:
        """How far diffusion time t (B,) is in the global phase, before the switch: 0 to 1, (B,)."""
        if self.softness:
            return jnp.clip((time - self.switch) / (2 * self.softness) + 0.5, 0, 1)
        return (time >= self.switch).astype(float)

    def plan(self, timeline: Timeline, numbers: Array, time: Array, afar: Array | None) -> View:
        view = View()
        scenes = scene_of(numbers, self.cuts) if self.cuts else jnp.zeros_like(numbers)
        if self.cuts and not self.conv_across:
            view = view._replace(links=links(timeline, numbers, scenes))
        if self.cuts and not self.norm_across:
            view = view._replace(parts=scenes)
        if self.norm_clip:
            clips = numbers // self.norm_clip * (len(self.cuts) + 1)
            view = view._replace(parts=clips if view.parts is None else clips + scenes)
        if self.spectral:
            low = low_pass(timeline, numbers, scenes, self.spectral)
            sight = self._sight(timeline, numbers, time, afar)
            return view._replace(sight=sight, low=low, early=self.early(time))
        reach = self._reach(timeline, numbers.shape[0], afar)
        places = slots(timeline, numbers, reach, known=bool(self.cuts))
        return view._replace(table=self._table(places, time))

    def _reach(self, line: Timeline, frames: int, afar: Array | None) -> Reach:
        count = min(self.spread, line.total(frames)) if afar is None else afar.shape[0]
        return Reach(self.local, count, partial(self._afar, line, afar=afar))

    def _sight(self, timeline: Timeline, numbers: Array, time: Array, afar: Array | None) -> Sight:
        around = timeline.halo(numbers[None], self.local, NOWHERE)[0]
        query = blocks(numbers, self.local, NOWHERE, 0)
        key = windows(around, self.local, NOWHERE, 0)
        real = query != NOWHERE
        near = jnp.abs(query[:, :, None] - key[:, None, :]) <= self.local
        near &= real[:, :, None] & (key != NOWHERE)[:, None, :]
        apart = None
        if self.cuts:
            here = scene_of(query, self.cuts)[:, :, None]
            near &= here == scene_of(key, self.cuts)[:, None, :]
            there = scene_of(self._afar(timeline, numbers[None], afar)[0], self.cuts)
            apart = jnp.where(here == there, 0.0, self.across)
        return Sight(near, real, self.biases(time), apart)

    def _afar(self, line: Timeline, x: Array, afar: Array | None) -> Array:
        return line.sample(x, self.spread) if afar is None else line.pick(x, afar)

    def _table(self, slots: Slots, time: Array) -> Table:
        """A key in both scopes has the sum of two weights."""
        query, key = slots.query[:, :, None], slots.key[:, None, :]
        near = (jnp.abs(query - key) <= self.local) & slots.near[:, None, :]
        near &= key != NOWHERE
        far = jnp.log(slots.far)[:, None, :]
        if self.cuts:
            apart = scene_of(query, self.cuts) != scene_of(key, self.cuts)
            near, far = near & ~apart, far + jnp.where(apart, self.across, 0)
        here, there = self.biases(time)[..., None, None, None]
        logits = jnp.logaddexp(jnp.where(near, here, -jnp.inf), far + there)
        logits = jnp.where(query == NOWHERE, -jnp.inf, logits)
        scale = None
        if self.trained:
            count = near.sum(-1) + slots.far.sum(-1, keepdims=True)
            scale = jnp.log(jnp.maximum(count, 1)).reshape(-1) / math.log(self.trained)
        return Table(slots.places, seen(logits), scale)

    def table(self, context: Any) -> Table | None:
        return context.plan.table

    def sources(self, x: Array, context: Any) -> Array:
        line = context.timeline
        return sources(line, x, self._reach(line, x.shape[1], context.afar))

    def attend(self, attention: Attention, x: Array, context: Any) -> Array:
        line, view = context.timeline, context.plan
        if view.table is not None:
            reach = self._reach(line, x.shape[1], context.afar)
            return attend_by(attention, x, view.table, reach, context)
        around = line.halo(x, self.local)
        afar = self._afar(line, x, context.afar)
        size = context.entries(x.shape[1])
        alone = view.sight._replace(near=jnp.zeros((1, 1, 1), bool))
        near = view.sight._replace(apart=None)
        near = look(attention, x, around, afar[:, :0], near, self.local, size=size)
        far = look(attention, x, around, afar, alone, self.local, size=size)
        early = jnp.repeat(view.early, x.shape[0] // view.early.shape[0]).astype(x.dtype)
        return near + early[:, None, None] * smooth(line, far - near, view.low)


def _scene_troubles(scope: DualScope) -> list[str]:
    troubles = []
    cuts = scope.cuts
    if any(not isinstance(n, int) for n in cuts) or list(cuts) != sorted(set(cuts)):
        troubles.append(f"cuts: {cuts!r}; give frame numbers that rise")
    if scope.chosen not in CHOICES:
        troubles.append(f"chosen: {scope.chosen!r}; give one of {', '.join(CHOICES)}")
    if not (math.isfinite(scope.across) and scope.across <= 0):
        troubles.append(
            f"across: {scope.across}, but frames of other scenes count less; give 0 or less, say -4"
        )
    return troubles


def _noise_troubles(scope: DualScope) -> list[str]:
    troubles = []
    if scope.noise not in NOISES:
        troubles.append(f"noise: {scope.noise!r}; give one of {', '.join(NOISES)}")
    if not 0 <= scope.share <= 1:
        troubles.append(f"share: {scope.share}; give 0 to 1")
    if scope.period < 4 or scope.period % 4:
        troubles.append(f"period: {scope.period} frames; give 4, 8, 12 ...: it has four quarters")
    return troubles + [
        f"{name}: {value}, but noise is {scope.noise}; leave it out, or make noise {kind!r}"
        for name, value, own, kind in [
            ("share", scope.share, DualScope.share, "shared"),
            ("period", scope.period, DualScope.period, "rescheduled"),
        ]
        if value != own and scope.noise != kind
    ]


def _spectral_troubles(scope: DualScope) -> list[str]:
    """The two softmaxes of spectral blending leave biases between scopes no meaning."""
    if not 0 <= scope.spectral <= 1:
        return [f"spectral: {scope.spectral}; give 0 to 1, of the highest frequency along time"]
    wrong = {
        "spread": (scope.spread == 0, "there are no global features to blend; give 1 or more"),
        "strength": (scope.strength != 0, "a bias between scopes has no meaning; make it 0"),
        "trained": (scope.trained != 0, "keys of two softmaxes have no count; make it 0"),
    }
    return [
        f"{name}: {getattr(scope, name)} with spectral {scope.spectral}: {why}"
        for name, (is_wrong, why) in wrong.items()
        if scope.spectral and is_wrong
    ]
