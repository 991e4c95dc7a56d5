"""The metrics of a run as pictures."""

from pathlib import Path
from typing import Any

from vinf_jax.training.loop import logged


def curve(out: Path) -> Path | None:
    """Draws `out`/curve.png from the stages' metrics; None where matplotlib is not installed."""
    if (pyplot := _pyplot()) is None:
        return None
    figure, axes = pyplot.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    pictures = logged(out / "autoencoder" / "metrics.jsonl")
    latents = logged(out / "diffusion" / "metrics.jsonl")
    judged = logged(out / "diffusion" / "judge.jsonl")
    _draw(axes[0], pictures, ["psnr"], "autoencoder", "PSNR of the batch, dB")
    _draw(axes[1], latents, ["loss"], "text encoder and UNet", "loss of the batch")
    _draw(
        axes[2], judged, _names(judged), "14 held-out prompts", "share that the judge finds right"
    )
    path = out / "curve.png"
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
    return path


def psnr_curve(folder: Path) -> Path | None:
    """Draws `folder`/psnr.png from what PVDM's autoencoder logs there: the batches of training and
    the held-out clips. None where matplotlib is not installed."""
    if (pyplot := _pyplot()) is None:
        return None
    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    for name, label in (("metrics", "batch of training"), ("psnr", "held-out clips, average")):
        lines = [line for line in logged(folder / f"{name}.jsonl") if "psnr" in line]
        steps, values = ([line[field] for line in lines] for field in ("step", "psnr"))
        axes.plot(steps, values, label=label, linewidth=1)
    axes.legend(fontsize=8)
    axes.set(title=folder.name, xlabel="step", ylabel="PSNR, dB")
    path = folder / "psnr.png"
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
    return path


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _names(lines: list[dict]) -> list[str]:
    return [name for line in lines[-1:] for name in line if name != "step"]


def _draw(axes, lines: list[dict], names: list[str], title: str, label: str) -> None:
    steps = [line["step"] for line in lines]
    for name in names:
        axes.plot(steps, [line[name] for line in lines], label=name, linewidth=1)
    if len(names) > 1:
        axes.legend(fontsize=8)
    axes.set(title=title, xlabel="step", ylabel=label)
