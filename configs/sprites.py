"""A text-to-video model of the procedural sprites: 64 x 64 pixels, 16-frame clips, 8 a second.

What it makes: short clips of one coloured shape that moves, turns, bounces or rests over a plain or
patterned background; with Video-Infinity, videos of any length.
Trained by:  python -m train text_to_video --config configs/sprites.py --out runs/sprites
How long: about six hours on 2 CPU cores.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    config = ConfigDict()
    config.seed = 0
    config.devices = 1
    config.size = (64, 64)
    config.frames = 16
    config.fps = 8

    config.autoencoder = ConfigDict(
        {"latent_channels": 4, "channels": (8, 32, 64, 96), "layers": 1, "norm_groups": 4}
    )
    config.text_encoder = ConfigDict({"length": 20, "width": 96, "heads": 4, "layers": 2})
    config.unet = ConfigDict(
        {
            "channels": (64, 96),
            "layers": 1,
            "attention": (True, True),
            "head_size": 16,
            "norm_groups": 8,
            "fps_conditioned": False,
        }
    )
    config.prediction = "v"
    config.generation = ConfigDict(
        {
            "steps": 25,
            "guidance": 2.5,
            "sampler": "dpmsolver++",
            "scope": {"preset": "video_infinity", "local": 16, "switch": 900},
            "crossfade": 8,
            "known_time": 50,
        }
    )

    # The rate falls as a cosine over decay_steps; the judge reads all shapes rightly long before.
    config.train_autoencoder = ConfigDict(
        {
            "steps": 2400,
            "decay_steps": 4000,
            "batch": 16,
            "rate": 2e-3,
            "warmup": 50,
            "square": 5.0,
            "edges": 1.0,
            "kl": 1e-4,
            "decay": 0.995,
            "save_every": 200,
        }
    )
    # Phases: single pictures first, without the layers that join frames; short clips; whole clips;
    # whole clips with a share of the samples at times (from, to) of much noise, where it is settled
    # what moves. Then which way it moves, which no frame alone says, with the words of direction
    # told apart (spread): two frames a second apart, the first of them seen early, so that the text
    # has to say where the shape goes; the same from either end; four frames; eight; whole clips;
    # and at last mostly those that turn, the rarest and the hardest to draw.
    config.train_diffusion = ConfigDict(
        {
            "clips": 4096,
            "phase_steps": (3200, 1600, 1200, 200, 200, 200, 200, 400, 600, 1600),
            "phase_frames": (1, 8, 16, 2, 2, 4, 8, 16, 16, 16),
            "phase_stride": (1, 1, 1, 8, 8, 4, 2, 1, 1, 1),
            "phase_batch": (96, 8, 8, 40, 40, 24, 16, 8, 8, 8),
            "phase_share": (0.0, 0.0, 0.7, 1.0, 0.8, 0.8, 0.8, 0.7, 0.4, 0.4),
            "phase_from": (0, 0, 500, 600, 600, 600, 600, 500, 500, 300),
            "phase_to": (1000, 1000, 950, 1000, 1000, 1000, 1000, 1000, 1000, 1000),
            "phase_known": (0.0, 0.0, 0.0, 1.0, 0.7, 0.4, 0.2, 0.0, 0.0, 0.0),
            "phase_seen": ("any", "any", "any", "first", "any", "any", "any", "any", "any", "any"),
            "phase_only": (0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.6),
            "phase_about": (
                "",
                "",
                "",
                "left right up down",
                "left right up down",
                "left right up down",
                "",
                "",
                "",
                "turns turning rotates rotating spins spinning",
            ),
            "phase_spread": (False, False, False, True, False, False, False, False, False, False),
            "spread": ("left", "right", "up", "down"),
            "decay_steps": 9800,
            "rate": 1.5e-3,
            "warmup": 200,
            "unconditional": 0.1,
            "decay": 0.998,
            "save_every": 200,
        }
    )
    return config
