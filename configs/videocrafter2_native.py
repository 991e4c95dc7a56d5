"""VideoCrafter2 by itself: 320 x 512 pixels, 16 frames, its own DDIM with its signal scale.

What it makes: one short clip, every frame seeing every other, as the model was trained.
Weights:  python -m convert import model.ckpt weights/videocrafter2 --vocabulary PATH
Run:      python -m infer video_infinity --config configs/videocrafter2_native.py \\
              --weights weights/videocrafter2 --prompts "..."
Its public script tells the model 28 frames per second and saves the file at 10; here both are one
number, and --fps changes it.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    config = ConfigDict()
    config.schedule = "videocrafter2"
    config.settings = ConfigDict(
        {
            "latent_scale": 0.18215,
            "prediction": "epsilon",
            "height": 320,
            "width": 512,
            "fps": 28.0,
            "clip_frames": 16,
            "steps": 50,
            "guidance": 12.0,
            "sampler": "ancestral-ddim",
            "karras": False,
            "scope": {"preset": "base"},
            "crossfade": 0,
        }
    )
    config.dtype = ConfigDict({"gpu": "bfloat16", "cpu": "float32"})
    return config
