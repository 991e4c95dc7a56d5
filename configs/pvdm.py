"""PVDM at full size on UCF-101: 256 x 256 pixels, 16-frame clips (Yu et al., arXiv 2302.07685).

What it makes: videos without text, 128 frames and more by recursion.
Mends what the public code does by accident; configs/pvdm.py:faithful repeats that: a constant rate
(its warm-up is built and never stepped), three steps whose gradients are averaged, three of the
autoencoder's and three of the critics' in turn, one coin a batch for the condition, an average that
follows every 25th step, and none of the autoencoder.
Trained by:  python -m train pvdm_autoencoder --config configs/pvdm.py --out runs/ucf101 \\
                 --data.folder UCF-101 --perceptual weights/lpips
             python -m train pvdm_diffusion --config configs/pvdm.py --out runs/ucf101
configs/pvdm.py:small is an autoencoder of 128 x 128 pixels that a CPU trains on few videos:
             python -m train pvdm_autoencoder --config configs/pvdm.py:small --out runs/small \\
                 --data.folder UCF-101
             python -m infer evaluate psnr --real UCF-101 --split test --size 128 \\
                 --fake runs/small/autoencoder_model --features random
How long, says the paper's code: 250,000 steps of the first stage and about 10,000 of the second
(stopped early), then 850,000 of diffusion: days on eight GPUs.
The number to expect, says the paper: FVD of 16 frames 343.6 (400/400 steps, 2,048 samples).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "mended") -> ConfigDict:
    if variant not in ("mended", "faithful", "small"):
        raise ValueError(f"no variant is called {variant!r}; give mended, faithful or small")
    config = ConfigDict()
    config.seed = 42
    config.devices = 1
    config.placement = "whole"
    config.dtype = ConfigDict({"cpu": "float32", "gpu": "bfloat16"})
    config.size = 256
    config.frames = 16
    config.fps = 25
    config.data = ConfigDict(
        {"kind": "ucf101", "folder": "UCF-101", "on_bad": "skip", "workers": 8}
    )

    config.autoencoder = ConfigDict(
        {
            "patch": 8,
            "width": 384,
            "latent_channels": 4,
            "layers": 8,
            "heads": 8,
            "head_size": 64,
            "plane_layers": 4,
            "plane_heads": 4,
            "plane_inner": 512,
            "remat": True,
        }
    )
    config.unet = ConfigDict(
        {
            "channels": (256, 512, 1024, 1024),
            "layers": 2,
            "attention": (True, True, True, False),
            "heads": 8,
            "norm_groups": 32,
            "positions": False,
        }
    )
    config.prediction = "epsilon"
    config.generation = ConfigDict({"steps": 400, "later_steps": 400})

    config.perceptual = ""
    config.train_autoencoder = ConfigDict(
        {
            "start_from": "",
            "steps": 250_000,
            "adversarial_steps": 10_000,
            "batch": 8,
            "rule": "adamw",
            "rate": 1e-4,
            "warmup": 1000,
            "decay_steps": 0,
            "minutes": 0.0,
            "accumulate": 1,
            "turn": 1,
            "pixel": 4.0,
            "square": 0.0,
            "perceptual": 4.0,
            "bounds": 0.0,
            "latent_noise": 0.0,
            "telling": 0.0,
            "blend": 0.0,
            "adversarial": 1.0,
            "match": 4.0,
            "critic_width": 64,
            "decay": 0.999,
            "average_every": 1,
            "save_every": 1000,
            "shown": 8,
        }
    )
    config.train_diffusion = ConfigDict(
        {
            "start_from": "",
            "clips": 0,
            "windows": 3,
            "steps": 850_000,
            "batch": 64,
            "rule": "adamw",
            "rate": 1e-4,
            "warmup": 10_000,
            "decay_steps": 0,
            "minutes": 0.0,
            "accumulate": 1,
            "conditional": 0.3,
            "coin": "sample",
            "condition_noise": 0.0,
            "condition_shift": 0.0,
            "blend": 0.0,
            "loss_weight": "uniform",
            "focus": (0, 1000),
            "share": 0.0,
            "decay": 0.999996,
            "average_every": 1,
            "save_every": 5000,
            "shown": 8,
        }
    )
    if variant == "faithful":
        config.train_autoencoder.update({"warmup": 0, "accumulate": 3, "turn": 3, "decay": 0.0})
        config.train_diffusion.update(
            {"warmup": 0, "coin": "batch", "decay": 0.9999, "average_every": 25}
        )
    if variant == "small":
        _shrink(config)
    return config


def _shrink(config: ConfigDict) -> None:
    """Narrow layers, more latents for each patch, and Muon."""
    config.size = 128
    config.data.workers = 0
    config.autoencoder.update(
        {
            "width": 128,
            "latent_channels": 8,
            "layers": 4,
            "heads": 4,
            "head_size": 32,
            "plane_layers": 2,
            "plane_inner": 256,
            "remat": False,
        }
    )
    config.train_autoencoder.update(
        {
            "steps": 3000,
            "adversarial_steps": 0,
            "batch": 2,
            "rule": "muon",
            "rate": 1e-3,
            "warmup": 100,
            "decay_steps": 3000,
            "perceptual": 2.0,
            "decay": 0.995,
            "save_every": 250,
            "shown": 4,
        }
    )
