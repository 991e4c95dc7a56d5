"""VideoCrafter2 as Video-Infinity released it: 320 x 512 pixels, videos of any length.

What it makes: what VideoCrafter2 can, for as long as you like. 24 frames per device is what was
published: --clips 8 --frames 192.
Weights:  python -m convert import model.ckpt weights/videocrafter2 --vocabulary PATH
Run:      python -m infer video_infinity --config configs/videocrafter2.py \\
              --weights weights/videocrafter2 --frames 192 --clips 8 --prompts "..."
Differs from VideoCrafter2 itself (configs/videocrafter2_native.py) in its solver and in leaving the
signal scale out, with which the weights were trained. As published, noise levels are not Karras's.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    config = ConfigDict()
    config.schedule = "scaled_linear"
    config.settings = ConfigDict(
        {
            "latent_scale": 0.18215,
            "prediction": "epsilon",
            "height": 320,
            "width": 512,
            "fps": 24.0,
            "clip_frames": 16,
            "steps": 30,
            "guidance": 12.0,
            "sampler": "sde-dpmsolver++",
            "karras": False,
            "scope": {"preset": "video_infinity"},
            "crossfade": 0,
        }
    )
    config.dtype = ConfigDict({"gpu": "bfloat16", "cpu": "float32"})
    return config
