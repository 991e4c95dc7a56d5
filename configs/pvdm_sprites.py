"""A small PVDM of the procedural sprites: 64 x 64 pixels, 16-frame clips, 8 a second, no text.

What it makes: videos of any length by recursion, each clip from the one before it.
Trained by:  python -m train pvdm_autoencoder --config configs/pvdm_sprites.py --out runs/pvdm
             python -m train pvdm_diffusion --config configs/pvdm_sprites.py --out runs/pvdm
How long: on two CPU cores 35 minutes, then two hours, before there were telling and blend; with
these it was run in parts only, from an earlier model (docs/pvdm.md tells how the shipped one was
trained, and how often its videos keep their shape).
The number to expect: 29 dB on held-out clips.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    config = ConfigDict()
    config.seed = 0
    config.devices = 1
    config.placement = "whole"
    config.dtype = ConfigDict({"cpu": "float32", "gpu": "bfloat16"})
    config.size = 64
    config.frames = 16
    config.fps = 8
    config.data = ConfigDict({"kind": "sprites", "folder": "", "on_bad": "skip", "workers": 0})

    config.autoencoder = ConfigDict(
        {
            "patch": 8,
            "width": 96,
            "latent_channels": 4,
            "layers": 3,
            "heads": 4,
            "head_size": 32,
            "plane_layers": 1,
            "plane_heads": 4,
            "plane_inner": 256,
        }
    )
    # All tokens look at each other behind every block; no plane needs to by itself.
    # positions: without them clips from nothing are patchworks in half of all cases.
    config.unet = ConfigDict(
        {
            "channels": (64, 128),
            "layers": 1,
            "attention": (False, False),
            "heads": 4,
            "norm_groups": 16,
            "positions": True,
        }
    )
    # Predicted as noise, clean latents are worse than their mean at the noisiest times.
    config.prediction = "v"
    # candidates: a clip made from nothing may contradict itself, a cross in its means, a square in
    # the rest; it shows when it is decoded and encoded again.
    config.generation = ConfigDict({"steps": 100, "later_steps": 20, "candidates": 4})

    # A folder of converted LPIPS weights; without one, frames are compared by their edges.
    config.perceptual = ""
    # bounds, latent_noise: for latents that fill their range and bear errors (docs/pvdm.md).
    # telling, blend: the means of the planes say the shape, and the decoder believes them.
    config.train_autoencoder = ConfigDict(
        {
            "start_from": "",
            "steps": 5000,
            "adversarial_steps": 0,
            "batch": 2,
            "rule": "muon",
            "rate": 2e-3,
            "warmup": 50,
            "decay_steps": 5000,
            "minutes": 0.0,
            "accumulate": 1,
            "turn": 1,
            "pixel": 0.0,
            "square": 8.0,
            "perceptual": 0.5,
            "bounds": 0.01,
            "latent_noise": 0.15,
            "telling": 0.05,
            "blend": 1.0,
            "adversarial": 1.0,
            "match": 4.0,
            "critic_width": 32,
            "decay": 0.998,
            "average_every": 1,
            "save_every": 2000,
            "shown": 6,
        }
    )
    # clips: pieces of two clips' length whose latents are kept; windows: clips cut out of each.
    # conditional: how often the clip before is known; coin: tossed for every sample, or batch.
    # condition_noise: on the latents of that clip, which by recursion are not those of a real one.
    # condition_shift: the same on the means of its planes; blend: of a condition, but for these
    # means, up to so much is that of the same clip in another shape: the means say the shape.
    # share: of the times, drawn from those where it is settled what a clip shows (focus).
    config.train_diffusion = ConfigDict(
        {
            "start_from": "",
            "clips": 4096,
            "windows": 2,
            "steps": 8000,
            "batch": 16,
            "rule": "muon",
            "rate": 1e-3,
            "warmup": 50,
            "decay_steps": 8000,
            "minutes": 0.0,
            "accumulate": 1,
            "conditional": 0.65,
            "coin": "sample",
            "condition_noise": 0.1,
            "condition_shift": 0.06,
            "blend": 1.0,
            "loss_weight": "uniform",
            "focus": (250, 1000),
            "share": 0.5,
            "decay": 0.995,
            "average_every": 1,
            "save_every": 500,
            "shown": 8,
        }
    )
    return config
