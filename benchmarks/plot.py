"""Time and memory of one call against frames, and time against devices."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def draw(records: Mapping[str, Mapping[str, Any]], path: Path) -> Path | None:
    """Draws what frames.json and clips.json hold; None where one of them, or matplotlib, is
    missing."""
    if not {"frames", "clips"} <= set(records) or (pyplot := _pyplot()) is None:
        return None
    figure, axes = pyplot.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    lengths = records["frames"]["results"].values()
    frames = [found["sizes"]["frames"] for found in lengths]
    spent = [1e3 * found["seconds_per_frame"] for found in lengths]
    held = [found["peak_anonymous_bytes"] / 2**30 for found in lengths]
    devices = _devices(records["clips"]["results"])
    _line(axes[0], frames, spent, "UNet call on one device", "frames", "milliseconds a frame")
    _line(axes[1], frames, held, "its memory, weights included", "frames", "GiB")
    for axis in axes[:2]:
        axis.set_xscale("log")
        axis.set_xticks(frames, [f"{n:,}" for n in frames])
        axis.minorticks_off()
    _line(
        axes[2],
        [*devices],
        [*devices.values()],
        "24 frames a device",
        "devices",
        "time over unsplit",
    )
    axes[2].set_xticks([*devices])
    axes[2].axhline(1, linewidth=0.8, color="grey")
    for axis in axes:
        axis.set_ylim(0, 1.1 * axis.get_ylim()[1])
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
    return path


def _devices(results: Mapping[str, Any]) -> dict[int, float]:
    """By number of devices, the time over that of the same frames unsplit."""
    return {
        int(name.split()[0]): found["ratios"]["split/unsplit"]["median"]
        for name, found in results.items()
        if "split/unsplit" in found["ratios"]
    }


def _line(axis: Any, x: list, y: list, title: str, across: str, up: str) -> None:
    axis.plot(x, y, marker="o", linewidth=1)
    axis.set(title=title, xlabel=across, ylabel=up)


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot
