"""Trains a text-to-video model of the sprite world: autoencoder, latents, text encoder and UNet.

Every stage writes checkpoints and resumes from its newest one, so the same command continues a run
that was stopped, and gives what an undisturbed run gives.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from vinf_jax.programs import load_config, override

from .destination import FORCE, destination

STAGES = ("autoencoder", "diffusion", "export")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m train text_to_video", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--config", default="configs/sprites.py", help="config file")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument(
        "--stages", nargs="+", choices=STAGES, default=STAGES, help="which stages to run, in order"
    )
    parser.add_argument("--weights", type=Path, help="where export writes (default: OUT/model)")
    parser.add_argument("--force", action="store_true", help=FORCE)
    parser.epilog = "Any field of the config may follow: --train_diffusion.rate 1e-3"
    options, rest = parser.parse_known_args(argv)
    config = override(load_config(options.config), rest, prog=parser.prog)
    run(config, options.out, options.stages, options.weights, options.force)
    return 0


def run(
    config,
    out: Path,
    stages: Sequence[str] = STAGES,
    weights: Path | None = None,
    force: bool = False,
) -> None:
    """Trains the model that `config` describes in the folder `out`, and writes it. What stands at
    `weights` is replaced with `force` only."""
    from .autoencoder import autoencoder
    from .diffusion import diffusion, export

    check(config)
    if "export" in stages:
        destination(weights, out / "model", force)
    if "autoencoder" in stages:
        autoencoder(config, out)
    if "diffusion" in stages:
        diffusion(config, out)
    if "export" in stages:
        export(config, out, destination(weights, out / "model", force))


def check(config) -> None:
    """Refuses a config that cannot be trained, with everything that is wrong."""
    import jax

    from .samples import SEEN

    t = config.train_diffusion
    lengths = {name: len(value) for name, value in t.items() if name.startswith("phase_")}
    troubles = []
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        troubles.append(f"train_diffusion: give each phase one value of every kind; {counts}")
    for frames, stride in zip(t.phase_frames, t.phase_stride, strict=False):
        if (frames - 1) * stride >= config.frames:
            troubles.append(
                f"train_diffusion.phase_frames: {frames} frames, {stride} apart, but clips have "
                f"{config.frames} (field frames)"
            )
    for seen in t.phase_seen:
        if seen not in SEEN:
            troubles.append(
                f"train_diffusion.phase_seen: {seen!r}; choose one of {', '.join(SEEN)}"
            )
    for batch in (config.train_autoencoder.batch, *t.phase_batch):
        if batch % config.devices:
            troubles.append(f"devices: {config.devices} do not divide a batch of {batch}")
    for name in ("train_autoencoder", "train_diffusion"):
        warmup, decay = config[name].warmup, config[name].decay_steps
        if warmup >= decay:
            troubles.append(f"{name}.warmup: {warmup} steps, but decay_steps are {decay}")
    if config.devices > len(jax.devices()):
        troubles.append(f"devices: {config.devices}, but there are {len(jax.devices())}")
    if troubles:
        raise ValueError("config: " + "; ".join(troubles))
