"""`python -m infer benchmark NAME ...`: chooses what is measured by its name."""

import sys

from vinf_jax.programs import choose

PROGRAMS = {
    "all": "everything below that compares on this machine, and the table",
    "networks": "UNet, decoder and text encoder against diffusers and transformers",
    "layers": "3x3 convolutions of many sizes: does one fall off a cliff?",
    "clips": "a video on several devices against one, and against the public Video-Infinity",
    "frames": "time and memory against the length of the video",
    "start": "help, imports, loading, compiling, the second start",
    "video": "a whole video by a small model, frames per second by stage",
    "cheaper": "what cheaper settings save on a small model, and what they change",
    "pvdm_networks": "PVDM's networks against their public code",
    "gpu": "one call that measures a GPU: step, long video, decoder, kernels, diffusers",
    "table": "README.md and the plot, from what is recorded",
}


def main() -> int:
    """Runs the program that the command line names and returns its exit status."""
    return choose(PROGRAMS, __package__, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
