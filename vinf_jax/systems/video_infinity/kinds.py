"""What each step of a wave computes: some may do with less than the whole."""

from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

ALL = (0.0, 1.0)
SHARES = "give two shares of the steps, rising, from 0 to 1: 0.2 0.8 leaves out both ends"


class Kind(NamedTuple):
    """Steps of one kind share a compiled program.

    halves: of guidance that they compute, both or only the one of the prompts. deep: they compute
    the whole network, not only its level of the latents' own resolution. keeps: what the deep
    levels said goes on to the next step, which reuses it unless it is deep.
    """

    halves: int
    deep: bool = True
    keeps: bool = False


def kinds(steps: int, halves: int, guidance_steps: Sequence[float], reuse: int) -> tuple[Kind, ...]:
    """The kind of every step.

    halves: of a step with guidance, 1 where the whole video has none. guidance_steps: shares of the
    steps between which guidance leads, the others follow the prompt alone (Kynkäänniemi et al.
    2024, arXiv 2404.07724, there in levels of noise). reuse: every so many steps the deep levels
    are computed, and where guidance begins or ends.
    """
    guided = range(*(round(share * steps) for share in guidance_steps))
    found, since = [], 0
    for i in range(steps):
        part = halves if i in guided else 1
        if i == 0 or part != found[-1].halves or i - since >= reuse:
            since = i
        found.append(Kind(part, since == i, reuse > 1))
    return tuple(found)


def resumable(kinds: Sequence[Kind], every: int) -> set[int]:
    """The steps before which a sampler's state is saved, about every so many: only where the whole
    network is computed next, so that nothing else is to be remembered."""
    deep = [i for i, kind in enumerate(kinds) if kind.deep]
    marks = range(every, len(kinds), every)
    return {next((i for i in deep if i >= mark), 0) for mark in marks} - {0}


def share_troubles(shares: Any) -> list[str]:
    """Why guidance cannot lead between these shares of the steps, or nothing."""
    fits = isinstance(shares, Sequence) and not isinstance(shares, str) and len(shares) == 2
    fits = fits and all(isinstance(x, Real) for x in shares) and 0 <= shares[0] < shares[1] <= 1
    return [] if fits else [f"guidance_steps: {shares!r}; {SHARES}"]


def kind_troubles(
    steps: int, guidance: float, guidance_steps: Sequence[float], groups: int
) -> list[str]:
    """Why so many steps cannot be made so, where each wish alone could be."""
    if tuple(guidance_steps) == ALL or guidance == 1:
        return []
    troubles = []
    if all(kind.halves == 1 for kind in kinds(steps, 2, guidance_steps, reuse=1)):
        troubles.append(
            f"guidance_steps: {list(guidance_steps)} holds none of {steps} steps; give wider "
            "shares, or guidance 1 for none"
        )
    if groups == 2:
        troubles.append(
            "guidance_steps: two guidance groups compute both halves at once, so steps with one "
            "half save nothing; use 1 guidance group, or guidance in all steps"
        )
    return troubles
