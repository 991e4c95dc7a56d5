"""Trains a text-to-video model of the sprite world: autoencoder, latents, text encoder and UNet.

Every stage writes checkpoints and resumes from its newest one, so the same command continues a run
that was stopped, and gives what an undisturbed run gives.
"""

import argparse
from pathlib import Path

from vinf_jax.programs import load_config, override

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
    parser.add_argument("--weights", type=Path, help="where export writes the finished model")
    parser.epilog = "Any field of the config may follow: --train_diffusion.rate 1e-3"
    options, rest = parser.parse_known_args(argv)
    config = override(load_config(options.config), rest, prog=parser.prog)
    run(config, options.out, options.stages, options.weights or options.out / "model")
    return 0


def run(config, out: Path, stages=STAGES, weights: Path | None = None) -> None:
    """Trains the model that `config` describes in the folder `out`."""
    from . import stages as library

    library.check(config)
    for stage in stages:
        getattr(library, stage)(config, out, weights)
