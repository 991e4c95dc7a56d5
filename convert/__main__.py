"""`python -m convert NAME ...`: chooses a program by its name."""

import sys

if sys.version_info < (3, 11):
    sys.stderr.write(
        "error: vinf_jax needs Python 3.11 or newer; this one is %s\n" % sys.version.split()[0]
    )
    sys.exit(2)

from vinf_jax.programs import choose

PROGRAMS = {
    "inspect": "show what weights are: layout, components, numbers, the tree of names",
    "import": "bring weights of others into a model folder",
    "export": "write a model as a diffusers folder, or with the names of lvdm or PVDM",
    "verify": "compare two models number by number, whatever layouts they have",
}


def main():
    """Runs the program that the command line names and returns its exit status."""
    return choose(PROGRAMS, __package__, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
