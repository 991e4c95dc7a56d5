"""`python -m train NAME ...`: chooses a program by its name."""

import sys

if sys.version_info < (3, 11):
    sys.stderr.write(
        "error: vinf_jax needs Python 3.11 or newer; this one is %s\n" % sys.version.split()[0]
    )
    sys.exit(2)

from vinf_jax.programs import choose

PROGRAMS = {
    "text_to_video": "train the small text-to-video model on the procedural sprite world",
    "pvdm_autoencoder": "train PVDM's autoencoder: clips as three planes of latents",
    "pvdm_diffusion": "train PVDM's diffusion model on those latents",
    "prepare": "decode a data set of videos once, for training without codecs",
}


def main():
    """Runs the program that the command line names and returns its exit status."""
    return choose(PROGRAMS, __package__, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
