"""Trains a text-to-video model of the sprite world: autoencoder, latents, text encoder and UNet.

Every stage writes checkpoints and resumes from its newest one, so the same command continues a run
that was stopped, and gives what an undisturbed run gives.
"""

from collections.abc import Sequence
from pathlib import Path

from .asking import asked
from .destination import alone, destination
from .fitting import complete

STAGES = ("autoencoder", "diffusion", "export")
NOTES = "Any field of the config may follow: --train_diffusion.rate 1e-3"


def main(argv: list[str]) -> int:
    how = {"config": "configs/sprites.py", "stages": STAGES, "model": "model"}
    run(*asked(argv, "text_to_video", __doc__, NOTES, **how))
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
    with alone(out):
        if "autoencoder" in stages:
            autoencoder(config, out)
        if "diffusion" in stages:
            diffusion(config, out)
        if "export" in stages:
            export(config, out, destination(weights, out / "model", force))


@complete
def check(config) -> None:
    """Refuses a config that cannot be trained, with everything that is wrong."""
    from .autoencoder import autoencoder_like
    from .diffusion import settings
    from .fitting import (
        built_troubles,
        count_troubles,
        device_troubles,
        family_troubles,
        refuse,
        seed_troubles,
    )
    from .networks import text_and_unet_like
    from .samples import SEEN

    fields = ("text_encoder", "train_autoencoder", "train_diffusion")
    refuse(family_troubles(config, fields, "configs/sprites.py"))
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
    if any(batch < 1 for batch in t.phase_batch):
        troubles.append(f"train_diffusion.phase_batch: {tuple(t.phase_batch)}; give 1 or more each")
    factor = 2 ** (len(config.autoencoder.channels) - 1)
    if any(side < 1 or side % factor for side in config.size):
        troubles.append(f"size: {tuple(config.size)}; give multiples of {factor}, as latents are")
    troubles += built_troubles(lambda: text_and_unet_like(config), "unet and text_encoder")
    troubles += built_troubles(lambda: autoencoder_like(config), "autoencoder")
    troubles += seed_troubles(config.seed)
    troubles += count_troubles(
        "train_autoencoder", config.train_autoencoder, ("batch", "save_every")
    )
    troubles += count_troubles("train_diffusion", t, ("clips", "save_every"))
    troubles += device_troubles(config.devices, [config.train_autoencoder.batch, *t.phase_batch])
    for name in ("train_autoencoder", "train_diffusion"):
        warmup, decay = config[name].warmup, config[name].decay_steps
        if warmup >= decay:
            troubles.append(f"{name}.warmup: {warmup} steps, but decay_steps are {decay}")
    refuse(troubles + built_troubles(lambda: settings(config, 1.0)))
