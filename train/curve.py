"""The metrics of a run as one picture."""

import json
from pathlib import Path


def curve(out: Path) -> Path | None:
    """Draws `out`/curve.png from the stages' metrics; None where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    pictures = _lines(out / "autoencoder" / "metrics.jsonl")
    latents = _lines(out / "diffusion" / "metrics.jsonl")
    judged = _lines(out / "diffusion" / "judge.jsonl")
    _draw(axes[0], pictures, ["psnr"], "autoencoder", "PSNR of the batch, dB")
    _draw(axes[1], latents, ["loss"], "text encoder and UNet", "loss of the batch")
    _draw(
        axes[2], judged, _names(judged), "14 held-out prompts", "share that the judge finds right"
    )
    path = out / "curve.png"
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
    return path


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _names(lines: list[dict]) -> list[str]:
    return [name for name in lines[-1] if name != "step"]


def _draw(axes, lines: list[dict], names: list[str], title: str, label: str) -> None:
    steps = [line["step"] for line in lines]
    for name in names:
        axes.plot(steps, [line[name] for line in lines], label=name, linewidth=1)
    if len(names) > 1:
        axes.legend(fontsize=8)
    axes.set(title=title, xlabel="step", ylabel=label)
