"""`python -m infer NAME ...`: chooses a program by its name."""

import sys

if sys.version_info < (3, 11):
    sys.stderr.write(
        "error: vinf_jax needs Python 3.11 or newer; this one is %s\n" % sys.version.split()[0]
    )
    sys.exit(2)

from vinf_jax.programs import choose

PROGRAMS = {
    "video_infinity": "make a long video from prompts, sharded in time over many devices",
    "plan": "what a video would cost: FLOPs, memory, exchange, seconds; before anything is loaded",
    "extend": "go on with a finished job or any video",
    "retake": "make parts of a finished job or of any video again",
    "pvdm": "make videos of any length with a PVDM model, clip after clip",
    "evaluate": "FVD, inception score, PSNR of videos; judge models of the sprite world",
    "benchmark": "time and memory against PyTorch, diffusers, transformers and the public codes",
    "compare": "several methods on one model, prompts and seeds: videos, measures, tables",
    "gallery": "a page of a folder of videos, side by side with their scores",
}


def main():
    """Runs the program that the command line names and returns its exit status."""
    return choose(PROGRAMS, __package__, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
