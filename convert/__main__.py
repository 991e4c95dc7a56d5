"""`python -m convert NAME ...`: chooses a program by its name."""

import os
import sys

if sys.version_info < (3, 11):
    sys.stderr.write(
        "error: vinf_jax needs Python 3.11 or newer; this one is %s\n" % sys.version.split()[0]
    )
    sys.exit(2)

from vinf_jax.programs import choose

PROGRAMS = {}


def main():
    """Runs the program that the command line names and returns its exit status."""
    note = "\ntables of layouts, to be used from Python: %s" % ", ".join(layouts())
    return choose(PROGRAMS, __package__, sys.argv[1:], note)


def layouts():
    """The layouts that have a table: the modules beside this one."""
    files = os.listdir(os.path.dirname(os.path.abspath(__file__)))
    return sorted(file[:-3] for file in files if file.endswith(".py") and file[0] != "_")


if __name__ == "__main__":
    sys.exit(main())
