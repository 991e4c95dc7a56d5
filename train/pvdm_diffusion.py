"""Trains PVDM's diffusion UNet on the latents of a trained autoencoder, with and without the clip
before, and leaves the finished model as a folder.

The run is the one of `python -m train pvdm_autoencoder`. The latents are made once. Checkpoints
resume; beside them lie metrics.jsonl, pictures of sampled clips, and for the sprites judge.jsonl.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from .asking import asked
from .destination import alone, destination
from .fitting import complete

STAGES = ("diffusion", "export")
NOTES = "Any field of the config may follow: --train_diffusion.rate 1e-4"


def main(argv: list[str]) -> int:
    how = {"config": "configs/pvdm_sprites.py", "stages": STAGES, "model": "model"}
    run(*asked(argv, "pvdm_diffusion", __doc__, NOTES, **how))
    return 0


def run(
    config,
    out: Path,
    stages: Sequence[str] = STAGES,
    weights: Path | None = None,
    force: bool = False,
) -> None:
    """Trains the UNet that `config` describes in the folder `out`, and writes the model. What
    stands at `weights` is replaced with `force` only."""
    from . import plane_diffusion

    check(config)
    if "export" in stages:
        destination(weights, out / "model", force)
    with alone(out):
        if "diffusion" in stages:
            plane_diffusion.diffusion(config, out)
        if "export" in stages:
            plane_diffusion.export(config, out, destination(weights, out / "model", force))


@complete
def check(config) -> None:
    """Refuses a config that cannot be trained, with everything that is wrong."""
    from vinf_jax.diffusion.losses import WEIGHTS
    from vinf_jax.diffusion.schedule import Schedule

    from . import plane_networks, plane_rules, plane_start
    from .fitting import between_troubles, built_troubles, refuse

    plane_rules.refuse_strangers(config)
    t = config.train_diffusion
    troubles = plane_rules.troubles("train_diffusion", t)
    arguments = plane_networks.unet_arguments(config)
    field = "train_diffusion.start_from"
    troubles += plane_start.troubles(field, t.start_from, "unet", arguments)
    if t.coin not in ("sample", "batch"):
        troubles.append(f"train_diffusion.coin: {t.coin!r}; give sample or batch")
    troubles += built_troubles(lambda: plane_networks.settings(config))
    if t.loss_weight not in WEIGHTS:
        troubles.append(
            f"train_diffusion.loss_weight: {t.loss_weight!r}; give {' or '.join(WEIGHTS)}"
        )
    shares = dict.fromkeys(("share", "conditional", "blend"), (0, 1))
    others = dict.fromkeys(("clips", "condition_noise", "condition_shift"), (0, math.inf))
    troubles += between_troubles("train_diffusion", t, shares | others)
    troubles += built_troubles(lambda: plane_networks.unet_like(config), "unet")
    last = Schedule.pvdm().num_train
    if len(t.focus) != 2 or not 0 <= t.focus[0] < t.focus[1] <= last:
        troubles.append(
            f"train_diffusion.focus: {tuple(t.focus)}; give two, rising, in 0 to {last}"
        )
    troubles += plane_rules.sprites_troubles(config, "train_diffusion", ("blend",))
    if t.windows < 2:
        troubles.append(f"train_diffusion.windows: {t.windows}; give 2 or more, both clips' own")
    refuse(troubles + plane_rules.shared_troubles(config, t.batch))
