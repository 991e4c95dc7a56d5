"""A plan in words for people and in numbers for JSON."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from vinf_jax.parallel.hardware import HARDWARE, USABLE, Hardware, seconds
from vinf_jax.systems.video_infinity import fitting
from vinf_jax.systems.video_infinity.budget import Budget
from vinf_jax.systems.video_infinity.waves import Wave

MIB = 2**20


class Job(NamedTuple):
    """A video of `frames` frames, made in `waves`; budget: of the largest."""

    budget: Budget
    frames: int
    waves: Sequence[Wave]

    @property
    def calls(self) -> float:
        """Steps of the whole job, counted in the dearest steps of the largest call."""
        frames = sum(len(wave.numbers) for wave in self.waves)
        steps = len(self.budget.kinds) * self.budget.share
        return steps * frames / self.budget.frames

    @property
    def flops(self) -> float:
        """Of the whole job, on all devices."""
        step = self.budget.step.flops * self.budget.devices
        return self.calls * step + self.frames * self.budget.decoding.flops


def table(
    budget: Budget, frames: int, waves: Sequence[Wave], hardware: str | None, memory: float | None
) -> dict[str, Any]:
    """What a video costs. memory: of a device, the named hardware's if not given; without either,
    nothing is said to fit or not to."""
    job = Job(budget, frames, waves)
    if memory is None and hardware:
        memory = HARDWARE[hardware].memory
    troubles = [] if memory is None else fitting.troubles(budget, memory)
    names = [hardware] if hardware else list(HARDWARE)
    times = {name: _times(job, HARDWARE[name]) for name in names}
    return {
        "lines": [*_lines(job, times), *_verdict(budget, memory, troubles)],
        "fits": not troubles,
        "troubles": troubles,
        "parameters": budget.counts,
        "frames": {"video": frames, "call": budget.frames, "device": budget.length},
        "devices": budget.devices,
        "flops": {"step_of_a_device": budget.step.flops, "job": job.flops},
        "memory_bytes": {
            "estimate": not budget.here,
            "weights": budget.weights,
            "step": budget.step_memory,
            "decoding": budget.decoding_memory,
            "peak": budget.memory,
        },
        "exchanged_per_step": {
            kind: {"messages": e.count, "bytes_received": e.received}
            for kind, e in budget.step.exchanged.items()
        },
        "seconds": {name: {"step": step, "job": whole} for name, (step, whole) in times.items()},
    }


def _times(job: Job, device: Hardware) -> tuple[float, float]:
    """Seconds of a step of the largest call, and of the job."""
    budget = job.budget
    unet = budget.counts["unet"] * budget.weights / sum(budget.counts.values())
    step = seconds(device, budget.devices, budget.step.flops, unet, budget.step.received)
    own = job.frames * budget.decoding.flops / budget.devices
    return step, job.calls * step + seconds(device, budget.devices, own, 0, 0)


def _lines(job: Job, times: dict[str, tuple[float, float]]) -> Iterator[str]:
    budget, step = job.budget, job.budget.step
    counts = ", ".join(f"{name} {short(count)}" for name, count in budget.counts.items())
    yield f"parameters   {counts}: {short(budget.weights)}B"
    waves = f" in {len(job.waves)} waves" if len(job.waves) > 1 else ""
    yield (
        f"frames       {job.frames}{waves}; {budget.length} of a call on each of "
        f"{budget.devices} devices"
    )
    yield (
        f"FLOPs        {short(step.flops * budget.devices)} a step, {short(step.flops)} of each "
        f"device; {short(job.flops)} in all, with decoding"
    )
    about = "" if budget.here else " (an estimate)"
    yield (
        f"memory       {short(budget.memory)}B on each device{about}: weights "
        f"{short(budget.weights)}B, a step {short(budget.step_memory)}B "
        f"({budget.step_memory / MIB / budget.length:.1f} MiB a frame), decoding "
        f"{short(budget.decoding_memory)}B"
    )
    kinds = [f"{kind} {short(e.received)}B in {e.count}" for kind, e in _busy(step)]
    yield f"exchange     {', '.join(kinds) or 'none'} (received by a device in a step)"
    for name, (one, whole) in times.items():
        yield f"{HARDWARE[name].title:<24} {one:10.3g} s a step, about {whole:,.3g} s in all"


def short(number: float) -> str:
    """Three digits and the letter of a power of 1000: "1.41 G"."""
    for letter in ("", "K", "M", "G", "T"):
        if abs(number) < 999.5:
            return f"{number:.3g} {letter}"
        number /= 1000
    return f"{number:.3g} P"


def _busy(step: Any) -> list[tuple[str, Any]]:
    return sorted(step.exchanged.items(), key=lambda pair: -pair[1].received)


def _verdict(budget: Budget, memory: float | None, troubles: Sequence[str]) -> Iterator[str]:
    if memory is None:
        return
    if troubles:
        yield from (f"does not fit {line}" for line in troubles)
        return
    most = fitting.most_frames(budget, memory)
    yield (
        f"fits         {short(memory)}B, of which {USABLE:.0%} can be used; "
        f"{most} frames or more on a device would"
    )
