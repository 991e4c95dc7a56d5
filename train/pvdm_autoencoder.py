"""Trains PVDM's autoencoder on clips: reconstruction first, then against two critics; leaves it as
a model folder too.

Both stages write checkpoints and resume from their newest one, so the same command continues a run
that was stopped. Beside them: metrics.jsonl, psnr.jsonl and psnr.png (held-out clips), held_out.mp4
and pictures, in which what the autoencoder makes of held-out clips stands beside or below them.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from .asking import asked
from .destination import alone, destination
from .fitting import complete

STAGES = ("reconstruction", "adversarial", "export")
NOTES = "Any field of the config may follow: --train_autoencoder.rate 1e-3"


def main(argv: list[str]) -> int:
    how = {"config": "configs/pvdm_sprites.py", "stages": STAGES, "model": "autoencoder_model"}
    run(*asked(argv, "pvdm_autoencoder", __doc__, NOTES, **how))
    return 0


def run(
    config,
    out: Path,
    stages: Sequence[str] = STAGES,
    weights: Path | None = None,
    force: bool = False,
) -> None:
    """Trains the autoencoder that `config` describes in the folder `out`, and writes it. What
    stands at `weights` is replaced with `force` only."""
    from . import plane_autoencoder

    check(config)
    if "export" in stages:
        destination(weights, out / "autoencoder_model", force)
    with alone(out):
        if "reconstruction" in stages:
            plane_autoencoder.reconstruction(config, out)
        if "adversarial" in stages and config.train_autoencoder.adversarial_steps:
            plane_autoencoder.adversarial(config, out)
        if "export" in stages:
            plane_autoencoder.export(
                config, out, destination(weights, out / "autoencoder_model", force)
            )


@complete
def check(config) -> None:
    """Refuses a config that cannot be trained, with everything that is wrong."""
    from . import plane_networks, plane_rules, plane_start
    from .fitting import between_troubles, built_troubles, count_troubles, refuse

    plane_rules.refuse_strangers(config)
    t = config.train_autoencoder
    troubles = plane_rules.troubles("train_autoencoder", t)
    troubles += count_troubles("train_autoencoder", t, ("turn", "critic_width"))
    arguments = plane_networks.autoencoder_arguments(config)
    field = "train_autoencoder.start_from"
    troubles += plane_start.troubles(field, t.start_from, "autoencoder", arguments)
    troubles += built_troubles(lambda: plane_networks.autoencoder_like(config), "autoencoder")
    troubles += built_troubles(lambda: plane_networks.settings(config))
    troubles += between_troubles(
        "train_autoencoder", t, {"telling": (0, math.inf), "blend": (0, 1)}
    )
    troubles += plane_rules.sprites_troubles(config, "train_autoencoder", ("telling", "blend"))
    if (t.telling or t.blend) and t.batch % 2:
        troubles.append(f"train_autoencoder.batch: {t.batch}; pairs of sprites need an even number")
    if t.telling and config.autoencoder.latent_channels % 4:
        troubles.append(
            f"train_autoencoder.telling: {t.telling}, but the four shapes need a multiple of 4 "
            f"autoencoder.latent_channels, not {config.autoencoder.latent_channels}; give 0"
        )
    refuse(troubles + plane_rules.shared_troubles(config, t.batch))
